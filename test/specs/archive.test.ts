import { GetObjectCommand } from '@aws-sdk/client-s3'
import { afterAll, describe, expect, it } from 'vitest'
import { photo } from '../fixtures/images.ts'
import { describeModes } from '../modes.ts'
import { findMoto, type MotoServer, startMoto } from '../servers/moto.ts'
import { until, untilEqual } from '../until.ts'
import { type Answer, derivative, get, head, metric, pictureOf } from './client.ts'
import { keys, refusal, sdk } from './s3-site.ts'
import { createSite } from './site.ts'

const library = await findMoto()
const moto = library === null ? null : await startMoto(library)
afterAll(() => moto?.stop())
const cat = await photo(90, 60)
const site = await createSite({})

const objects = {
  'plain.jpg': 'GLACIER',
  'once.jpg': 'GLACIER',
  'deep.jpg': 'DEEP_ARCHIVE',
  'signed.jpg': 'GLACIER',
  'left.jpg': 'GLACIER',
  'at-hand.jpg': 'GLACIER_IR',
}

let containers = 0

async function setUp() {
  const container = `originals-${++containers}`
  const { createContainer, put, storage } = moto as MotoServer
  await createContainer(container)
  for (const [key, storageClass] of Object.entries(objects)) await put(container, key, cat, storageClass)
  const { transform } = (await site.emptyStore()).storages()
  const storages = { basic: { kind: 's3', ...storage, bucket: container }, transform }
  const glacier = { enabled: true, restoreTier: 'Bulk', restoreDays: 2 }
  return {
    config: {
      server: { accessLogs: true },
      headers: [{ statusCodes: [503], values: { 'X-Rule': 'applied' } }],
      buckets: {
        media: { keys: [keys], glacier, storages, transform: { kind: 'query' } },
        off: { glacier: { ...glacier, enabled: false }, storages, transform: { kind: 'query' } },
        without: { storages, transform: { kind: 'query' } },
      },
    },
  }
}

const names = ['retry-after', 'x-mort-glacier-status', 'x-mort-glacier-tier', 'x-mort-storage-class', 'x-rule']
const told = ({ status, headers }: Answer) => [status, ...names.map(name => headers.get(name))]
const restoring = (storageClass: string) => [503, '43200', 'restoring', 'Bulk', storageClass, 'applied']

describe.skipIf(!moto)('archives', () => {
  const { restores, restoreOf } = moto ?? ({} as MotoServer)
  const ongoing = (key: string) =>
    untilEqual('the restore', () => restoreOf(`originals-${containers}`, key), 'ongoing-request="true"')

  describeModes('an archived original', setUp, cluster => {
    const at = (target: string) => cluster().url + target
    const begun = () => metric(cluster().gateway, 'mort_glacier_restore_initiated')

    it('is restored when it is asked for, and sent as soon as it is back', async () => {
      await restores('step')
      const answer = await get(at('/media/plain.jpg'))
      expect(told(answer)).toEqual(restoring('GLACIER'))
      expect(answer.text).toBe('{"message":"error","code":"archived"}')
      await ongoing('plain.jpg')
      const { status, bytes } = await get(at('/media/plain.jpg'))
      expect([status, Buffer.from(bytes).equals(cat)]).toEqual([200, true])
      const [, expiry = ''] =
        /expiry-date="(.*)"/.exec((await restoreOf(`originals-${containers}`, 'plain.jpg'))!) ?? []
      expect(Math.round((Date.parse(expiry) - Date.now()) / 86_400_000)).toBe(2)
    })

    it('is restored once, however many ask, for itself or what is made of it', async () => {
      await restores('step')
      const [before, errors] = [await begun(), await metric(cluster().gateway, 'mort_glacier_error_detected')]
      await get(at('/media/once.jpg'))
      await ongoing('once.jpg')
      await restores('hold')
      const targets = Array.from({ length: 10 }, (_, i) => `/media/once.jpg${i % 2 ? `?width=${i + 10}` : ''}`)
      const answers = await Promise.all(targets.map(target => get(at(target))))
      expect(answers.map(told)).toEqual(targets.map(() => restoring('GLACIER')))
      expect((await begun()) - before).toBe(1)
      expect((await metric(cluster().gateway, 'mort_glacier_error_detected')) - errors).toBe(11)
    })

    it('is restored when something is to be made of it, which is there as soon as it is back', async () => {
      await restores('step')
      const target = at('/media/deep.jpg?width=30')
      expect(told(await get(target))).toEqual(restoring('DEEP_ARCHIVE'))
      await ongoing('deep.jpg')
      await restores('hold')
      expect(told(await get(target))).toEqual(restoring('DEEP_ARCHIVE'))
      await restores('step')
      expect(await pictureOf(await get(target))).toEqual(derivative('30x20'))
    })

    it('shows to HEAD, which restores nothing', async () => {
      const { status, headers } = await head(at('/media/left.jpg'))
      expect([status, headers.get('content-length')]).toEqual([200, String(cat.length)])
      expect(await restoreOf(`originals-${containers}`, 'left.jpg')).toBeUndefined()
    })

    it.each(['/off/left.jpg', '/off/left.jpg?width=30', '/without/left.jpg', '/without/left.jpg?width=30'])(
      'is out of reach where nobody wants it restored: %s',
      async target => {
        const before = await begun()
        const answer = await get(at(target), { 'x-mort-debug': '1' })
        expect(told(answer)).toEqual([503, null, null, null, null, 'applied'])
        expect(answer.text).toContain('InvalidObjectState')
        expect([await begun(), await restoreOf(`originals-${containers}`, 'left.jpg')]).toEqual([before, undefined])
      },
    )

    it('is told of in the words of S3 to who signs, and restored all the same', async () => {
      await restores('step')
      const reading = sdk(cluster().url).send(new GetObjectCommand({ Bucket: 'media', Key: 'signed.jpg' }))
      expect(await refusal(reading)).toEqual({ status: 403, code: 'InvalidObjectState' })
      await ongoing('signed.jpg')
      const { Body } = await sdk(cluster().url).send(new GetObjectCommand({ Bucket: 'media', Key: 'signed.jpg' }))
      expect((await Body!.transformToByteArray()).length).toBe(cat.length)
    })

    it('that S3 keeps at hand is read', async () => {
      expect(await pictureOf(await get(at('/media/at-hand.jpg?width=30')))).toEqual(derivative('30x20'))
    })

    it('is told of in the log once it is being restored', async () => {
      await until('the line', () => /"key":"\/plain\.jpg".*"restore begun"/.test(cluster().gateway.output()))
    })
  })
})
