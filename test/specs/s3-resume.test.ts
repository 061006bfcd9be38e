import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, rename, rm, stat, truncate, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  CompleteMultipartUploadCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListPartsCommand,
  PutObjectCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import { describe, expect, it } from 'vitest'
import { createToolCalls, findS3Tools, type ToolName } from '../servers/s3-tools.ts'
import { until } from '../until.ts'
import { get } from './client.ts'
import { describeBackings, digest, MiB, workFolder, writeLarge } from './s3-backings.ts'
import { keys, minio, refusal, sdk } from './s3-site.ts'

const tools = await findS3Tools()
const work = await workFolder()
const Bucket = 'media'
const partSize = 5 * MiB
const size = 40 * MiB
const file = await writeLarge(path.join(work, 'file'), size)
const count = Math.ceil(size / partSize)
// Eight seconds for the whole: it is killed after two of its parts.
const slowly = 5 * MiB
const awsConfig = [
  ...['[default]', 's3 =', `  max_bandwidth = ${slowly / MiB}MB/s`, '  max_concurrent_requests = 1'],
  ...['  multipart_threshold = 5MB', '  multipart_chunksize = 5MB', ''],
]

await describeBackings('what was interrupted', cluster => {
  const uploadsOf = async (key: string) =>
    (await sdk(cluster().url).send(new ListMultipartUploadsCommand({ Bucket, Prefix: key }))).Uploads ?? []
  const partsOf = async (Key: string) => {
    const [upload] = await uploadsOf(Key)
    if (!upload) return []
    return (await sdk(cluster().url).send(new ListPartsCommand({ Bucket, Key, UploadId: upload.UploadId }))).Parts ?? []
  }

  /** Lets a client begin an upload, and kills it when the server has two parts of it. Gives its id. */
  const interrupt = async (key: string, child: ChildProcess): Promise<string> => {
    const ended = once(child, 'exit')
    await until(`two parts of ${key}`, async () => (await partsOf(key)).length >= 2)
    child.kill('SIGKILL')
    expect(await ended).toEqual([null, 'SIGKILL'])
    const uploads = await uploadsOf(key)
    expect(uploads.map(({ Key }) => Key)).toEqual([key])
    expect(await refusal(sdk(cluster().url).send(new HeadObjectCommand({ Bucket, Key: key })))).toMatchObject({
      status: 404,
    })
    return uploads[0]!.UploadId!
  }
  const begin = (client: 'sdk' | 'minio', key: string) => {
    const options = { url: cluster().url, ...keys, bucket: Bucket, key, file, size, sent: 11 * MiB, partSize }
    const script = fileURLToPath(new URL('../servers/s3-upload-process.ts', import.meta.url))
    return interrupt(key, spawn(process.execPath, [script, client, JSON.stringify(options)], { stdio: 'ignore' }))
  }
  /** The object has come, and nothing is left of the upload that was begun: that one was completed. */
  const expectWhole = async (key: string) => {
    const back = path.join(work, 'back')
    await writeFile(back, (await get(`${cluster().url}/media/${key}`)).bytes)
    expect(await digest(back)).toBe(await digest(file))
    expect(await uploadsOf(key)).toEqual([])
  }

  it('is gone on with by the SDK, which lists the parts and sends the others', async () => {
    const client = sdk(cluster().url)
    const upload = { Bucket, Key: 'sdk', UploadId: await begin('sdk', 'sdk') }
    const { Parts: before = [] } = await client.send(new ListPartsCommand(upload))
    const bytes = await readFile(file)
    const parts = before.map(({ PartNumber, ETag }) => ({ PartNumber, ETag }))
    for (let PartNumber = parts.length + 1; PartNumber <= count; PartNumber++) {
      const Body = bytes.subarray((PartNumber - 1) * partSize, PartNumber * partSize)
      const { ETag } = await client.send(new UploadPartCommand({ ...upload, PartNumber, Body }))
      parts.push({ PartNumber, ETag })
    }
    await client.send(new CompleteMultipartUploadCommand({ ...upload, MultipartUpload: { Parts: parts } }))
    await expectWhole('sdk')
    expect(await client.send(new HeadObjectCommand({ Bucket, Key: 'sdk' }))).toMatchObject({
      Metadata: { kept: 'yes' },
    })
  })

  it('is gone on with by the minio client, which finds the upload by its key', async () => {
    const client = minio(cluster().url, { partSize })
    const id = await begin('minio', 'minio')
    expect(await client.findUploadId(Bucket, 'minio')).toBe(id)
    await client.fPutObject(Bucket, 'minio', file)
    await expectWhole('minio')
    expect((await client.statObject(Bucket, 'minio')).metaData).toMatchObject({ kept: 'yes' })
  })

  it('is given up by the minio client', async () => {
    const client = minio(cluster().url, { partSize })
    await begin('minio', 'minio-gone')
    expect((await client.listIncompleteUploads(Bucket, 'minio-', true).toArray()).map(({ key }) => key)).toEqual([
      'minio-gone',
    ])
    await client.removeIncompleteUpload(Bucket, 'minio-gone')
    expect(await uploadsOf('minio-gone')).toEqual([])
  })

  describe.skipIf(!tools)('with the tools of Debian', () => {
    const target = () => ({ url: cluster().url, home: work, ...keys })
    const { call, start } = createToolCalls(tools!, target)
    const api = (command: string, ...args: string[]) => call('aws', 's3api', command, '--bucket', Bucket, ...args)
    /** Reads the object into a file, and is killed when there is a part of it. */
    const interruptRead = async (place: string, tool: ToolName, ...args: string[]) => {
      await rm(place, { force: true })
      const child = start(tool, ...args)
      const ended = once(child, 'exit')
      await until(`a part of ${place}`, async () => (await stat(place)).size > MiB)
      child.kill('SIGKILL')
      expect(await ended).toEqual([null, 'SIGKILL'])
      expect((await stat(place)).size).toBeLessThan(size)
    }

    it('is gone on with by s3cmd, which sends the parts that are missing', async () => {
      const chunks = `--multipart-chunk-size-mb=${partSize / MiB}`
      const address = `s3://${Bucket}/s3cmd`
      const id = await interrupt('s3cmd', start('s3cmd', 'put', chunks, `--limit-rate=${slowly}`, file, address))
      expect(await call('s3cmd', 'multipart', `s3://${Bucket}`)).toContain(`${address}\t${id}`)
      const before = await partsOf('s3cmd')
      const listed = await call('s3cmd', 'listmp', address, id)
      for (const { ETag } of before) expect(listed).toContain(ETag)
      await call('s3cmd', 'put', chunks, '--continue-put', `--upload-id=${id}`, file, address)
      await expectWhole('s3cmd')
    })

    it('is gone on with by aws, part by part', async () => {
      const settings = path.join(work, '.aws-config')
      await writeFile(settings, awsConfig.join('\n'))
      const id = await interrupt('aws', start('aws', 's3', 'cp', file, `s3://${Bucket}/aws`))
      await rm(settings)
      const upload = ['--key', 'aws', '--upload-id', id]
      const { Parts } = JSON.parse(await api('list-parts', ...upload)) as Listed
      const parts = Parts.map(({ PartNumber, ETag }) => ({ PartNumber, ETag }))
      const rest = path.join(work, 'rest')
      await writeFile(rest, (await readFile(file)).subarray(parts.length * partSize))
      const last = JSON.parse(
        await api('upload-part', ...upload, '--part-number', String(parts.length + 1), '--body', rest),
      ) as { ETag: string }
      const list = JSON.stringify({ Parts: [...parts, { PartNumber: parts.length + 1, ETag: last.ETag }] })
      await api('complete-multipart-upload', ...upload, '--multipart-upload', list)
      await expectWhole('aws')
    })

    it('is begun again by rclone, which clears away what it had begun', async () => {
      const parts = ['--s3-chunk-size=5M', '--s3-upload-cutoff=5M', '--s3-upload-concurrency=1']
      const address = `m:${Bucket}/rclone`
      const id = await interrupt(
        'rclone',
        start('rclone', 'copyto', ...parts, `--bwlimit=${slowly / MiB}M`, file, address),
      )
      const listed = JSON.parse(await call('rclone', 'backend', 'list-multipart-uploads', `m:${Bucket}`))
      expect(listed).toMatchObject({ [Bucket]: [{ Key: 'rclone', UploadId: id }] })
      await call('rclone', 'copyto', ...parts, file, address)
      await call('rclone', 'backend', 'cleanup', '-o', 'max-age=1ms', `m:${Bucket}`)
      await expectWhole('rclone')
    })

    it('is read on by curl, s3cmd and the minio client from where it broke off', async () => {
      const client = minio(cluster().url, { partSize })
      await client.fPutObject(Bucket, 'read', file)
      const url = `${cluster().url}/${Bucket}/read`
      const place = path.join(work, 'read')
      const wanted = await digest(file)
      await interruptRead(place, 'curl', '--limit-rate', '5M', '-o', place, url)
      await call('curl', '-C', '-', '-o', place, url)
      expect(await digest(place)).toBe(wanted)
      await interruptRead(place, 's3cmd', 'get', '--limit-rate=5m', `s3://${Bucket}/read`, place)
      await call('s3cmd', 'get', '--continue', `s3://${Bucket}/read`, place)
      expect(await digest(place)).toBe(wanted)
      const { etag } = await client.statObject(Bucket, 'read')
      const begun = `${place}.${Buffer.from(etag).toString('base64')}.part.minio`
      await rename(place, begun)
      await truncate(begun, 3 * MiB + 1)
      await client.fGetObject(Bucket, 'read', place)
      expect(await digest(place)).toBe(wanted)
    })

    it('is read in several ranges by rclone and aws', async () => {
      await minio(cluster().url, { partSize }).fPutObject(Bucket, 'ranges', file)
      const place = path.join(work, 'ranges')
      await rm(place, { force: true })
      const several = ['--multi-thread-cutoff=1M', '--multi-thread-streams=4']
      await call('rclone', 'copyto', ...several, `m:${Bucket}/ranges`, place)
      expect(await digest(place)).toBe(await digest(file))
      await rm(place)
      await call('aws', 's3', 'cp', '--no-progress', `s3://${Bucket}/ranges`, place)
      expect(await digest(place)).toBe(await digest(file))
    })
  })

  it('is read on only while it is the same', async () => {
    const client = sdk(cluster().url)
    const url = `${cluster().url}/${Bucket}/changed`
    const put = async (Body: string) => (await client.send(new PutObjectCommand({ Bucket, Key: 'changed', Body }))).ETag
    const read = async (IfMatch: string | undefined) => {
      const command = new GetObjectCommand({ Bucket, Key: 'changed', Range: 'bytes=4-', IfMatch })
      return (await client.send(command)).Body?.transformToString()
    }
    const first = await put('one, two')
    expect(await read(first)).toBe(' two')
    await put('three, four')
    expect(await refusal(read(first))).toEqual({ status: 412, code: 'PreconditionFailed' })
    const whole = await get(url, { range: 'bytes=4-', 'if-range': first! })
    expect([whole.status, whole.text]).toEqual([200, 'three, four'])
  })
})

type Listed = { Parts: { PartNumber: number; ETag: string }[] }
