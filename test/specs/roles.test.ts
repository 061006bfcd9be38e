import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { expect, it } from 'vitest'
import { photo } from '../fixtures/images.ts'
import { describeModes } from '../modes.ts'
import { derivative, get, pictureOf } from './client.ts'
import { createSite } from './site.ts'

const site = await createSite({ 'photos/photo.jpg': await photo(60, 40) })

async function setUp() {
  const storages = (await site.emptyStore()).storages()
  return { config: { buckets: { photos: { storages, transform: { kind: 'query' } } } } }
}

describeModes('roles', setUp, cluster => {
  it.runIf(existsSync('/proc/self/maps'))('load sharp where renders run, and nowhere else', async () => {
    const { url, gateway, worker } = cluster()
    expect(await pictureOf(await get(`${url}/photos/photo.jpg?width=30`))).toEqual(derivative('30x20'))
    const loaded = await Promise.all([gateway, worker].map(async ({ pid }) => /libvips|sharp-/.test(await maps(pid))))
    expect(loaded).toEqual([gateway === worker, true])
  })

  it('are healthy and ready', async () => {
    for (const { internalUrl } of [cluster().gateway, cluster().worker]) {
      expect((await get(`${internalUrl}/healthz`)).status).toBe(200)
      const ready = await get(`${internalUrl}/readyz`)
      const checks = { queue: 'ok', 'storage photos/basic': 'ok', 'storage photos/transform': 'ok' }
      expect([ready.status, JSON.parse(ready.text)]).toEqual([200, { status: 'ready', checks }])
    }
  })

  it('have nothing of the internal listener on the public one', async () => {
    const statuses = ['/healthz', '/readyz', '/metrics'].map(async target => (await get(cluster().url + target)).status)
    expect(await Promise.all(statuses)).toEqual([400, 400, 400])
  })

  it('have nothing of the public listener on the internal one', async () => {
    expect((await get(`${cluster().gateway.internalUrl}/photos/photo.jpg`)).status).toBe(404)
  })
})

const maps = (pid: number) => readFile(`/proc/${pid}/maps`, 'utf8')
