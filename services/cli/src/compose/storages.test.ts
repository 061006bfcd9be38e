import { generateKeyPairSync } from 'node:crypto'
import { loadConfig } from '@mortise/config'
import { createMetrics } from '@mortise/telemetry'
import { expect, it } from 'vitest'
import { createStorages } from './storages.ts'

const signal = new AbortController().signal
const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
const credentials = {
  type: 'service_account',
  client_email: 'robot@example.com',
  private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
}

const azure = { kind: 'azure', azureAccount: 'me', azureKey: 'a2V5' }
const b2 = { kind: 'b2', b2ApplicationKeyId: 'id', b2ApplicationKey: 'secret' }
const google = { kind: 'google', googleConfigJson: JSON.stringify(credentials) }

it.each([
  [azure, 'https://me.blob.core.windows.net/media/a.jpg'],
  [{ ...azure, azureEndpoint: 'http://host:1/me' }, 'http://host:1/me/media/a.jpg'],
  [{ ...azure, bucket: 'kept', pathPrefix: 'p' }, 'https://me.blob.core.windows.net/kept/p/a.jpg'],
  [{ ...b2, b2Region: 'us-west-004' }, 'https://s3.us-west-004.backblazeb2.com/media/a.jpg'],
  [{ ...b2, b2Endpoint: 'http://host:1', bucket: 'kept' }, 'http://host:1/kept/a.jpg'],
  [google, 'https://storage.googleapis.com/media/a.jpg'],
  [{ ...google, googleEndpoint: 'http://host:1', pathPrefix: 'p' }, 'http://host:1/media/p/a.jpg'],
])('a storage from the settings %# has its objects at %2$s', async (basic, expected) => {
  const { config } = loadConfig(JSON.stringify({ buckets: { media: { storages: { basic } } } }), {
    env: {},
    baseDir: '/',
  })
  await using storages = await createStorages(config, createMetrics({ mort: false }), null)
  const storage = storages.get('media/basic')
  expect(storage.kind).toBe(basic.kind)
  const url = new URL(await storage.presign!({ bucket: 'media', key: '/a.jpg' }, { expiresSeconds: 60, signal }))
  expect(url.origin + url.pathname).toBe(expected)
})

it.each([
  { kind: 'azure', azureAccount: 'me' },
  { kind: 'azure', azureAccount: 'me', azureKey: 'a2V5', azureEndpoint: 'nowhere' },
  b2,
  { kind: 'google', googleConfigJson: 'none' },
  { kind: 'sftp' },
  { kind: 'oracle' },
])('settings that mort would start with, %o, fail requests and not the start', async basic => {
  const { config } = loadConfig(JSON.stringify({ buckets: { media: { storages: { basic } } } }), {
    env: {},
    baseDir: '/',
  })
  await using storages = await createStorages(config, createMetrics({ mort: false }), null)
  const read = storages.get('media/basic').get({ bucket: 'media', key: '/a.jpg' }, { signal })
  await expect(read).rejects.toMatchObject({ code: 'storage_unavailable' })
})
