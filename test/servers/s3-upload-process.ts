// A process that sends the parts of an upload that it has, and waits for more, to be killed:
// node s3-upload-process.ts CLIENT OPTIONS_AS_JSON, where the client is `sdk` or `minio`.
import { createReadStream } from 'node:fs'
import { Readable } from 'node:stream'
import { S3Client } from '@aws-sdk/client-s3'
import { Upload } from '@aws-sdk/lib-storage'
import { Client } from 'minio'

type Options = {
  url: string
  accessKey: string
  secretAccessKey: string
  bucket: string
  key: string
  file: string
  /** Of the whole object. */
  size: number
  /** How many bytes of it come. */
  sent: number
  partSize: number
}

const [client, text = '{}'] = process.argv.slice(2)
const { url, accessKey, secretAccessKey, bucket, key, file, size, sent, partSize } = JSON.parse(text) as Options

async function* beginning() {
  yield* createReadStream(file, { end: sent - 1 })
  await new Promise(() => setInterval(() => {}, 60_000))
}

if (client === 'minio') {
  const { hostname, port } = new URL(url)
  const place = { endPoint: hostname, port: Number(port), useSSL: false, region: 'mort' }
  const minio = new Client({ ...place, accessKey, secretKey: secretAccessKey, partSize })
  await minio.putObject(bucket, key, Readable.from(beginning(), { objectMode: false }), size, { kept: 'yes' })
} else {
  const credentials = { accessKeyId: accessKey, secretAccessKey }
  const sdk = new S3Client({ endpoint: url, region: 'mort', forcePathStyle: true, credentials })
  const params = { Bucket: bucket, Key: key, Body: Readable.from(beginning()), Metadata: { kept: 'yes' } }
  await new Upload({ client: sdk, params, partSize, queueSize: 1 }).done()
}
