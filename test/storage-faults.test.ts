import { BlobServiceClient, StorageSharedKeyCredential } from '@azure/storage-blob'
import { createAzureStorage } from '@mortise/storage/azure'
import { createB2Storage } from '@mortise/storage/b2'
import { testFaults } from '@mortise/storage/conformance-faults'
import { createGoogleStorage } from '@mortise/storage/google'
import { createHttpStorage } from '@mortise/storage/http'
import { type Exchange, httpFaults, type Opening, openFaultyHttp } from '@mortise/storage/http-faults'
import { createOracleStorage } from '@mortise/storage/oracle'
import { createS3Storage } from '@mortise/storage/s3'
import { createSftpStorage } from '@mortise/storage/sftp'
import { openFaultySftp, sftpFaults } from '@mortise/storage/sftp-faults'
import { Client } from 'minio'
import { afterAll, beforeAll, describe } from 'vitest'
import { type AzureServer, startAzurite } from './servers/azurite.ts'
import { findGcs, startGcs } from './servers/gcs.ts'
import { startOrigin } from './servers/origin.ts'
import { findMinio, type S3Server, startMinio } from './servers/s3.ts'
import { findSshd } from './servers/sftp.ts'
import { type SwiftServer, startSwift } from './servers/swift.ts'

const bucket = 'photos'

/** A get and a put of one request each. */
const single: Exchange = { get: { GET: /^GET .*\/cat\.jpg/ }, put: { PUT: /^PUT .*\/cat\.jpg/ } }

/** The same URL at another origin. */
const at = (origin: string, url: string) => origin + new URL(url).pathname

const minio = await findMinio()
describe.skipIf(!minio)('minio', () => {
  let server: S3Server
  beforeAll(async () => {
    server = await startMinio(minio!)
    await server.createBucket(bucket)
  })
  afterAll(() => server?.stop())

  async function uploads(): Promise<string[]> {
    const { hostname: endPoint, port } = new URL(server.endpoint)
    const { accessKey, secretAccessKey: secretKey } = server
    const client = new Client({ endPoint, port: Number(port), useSSL: false, accessKey, secretKey })
    const found = await client.listIncompleteUploads(bucket, '', true).toArray()
    return found.map(({ key }) => `upload of ${key}`)
  }

  testFaults(
    's3',
    options =>
      openFaultyHttp(server.endpoint, ({ url, ...rest }) => createS3Storage({ ...server, ...rest, endpoint: url }), {
        ...options,
        leftovers: uploads,
      }),
    httpFaults(single),
  )

  testFaults(
    'b2',
    options => {
      const keys = { keyId: server.accessKey, applicationKey: server.secretAccessKey }
      return openFaultyHttp(
        server.endpoint,
        ({ url, ...rest }) => createB2Storage({ ...keys, ...rest, endpoint: url }),
        {
          ...options,
          leftovers: uploads,
        },
      )
    },
    httpFaults(single),
  )
})

describe('azurite', () => {
  let server: AzureServer
  const container = () =>
    new BlobServiceClient(
      server.endpoint,
      new StorageSharedKeyCredential(server.account, server.key),
    ).getContainerClient(bucket)
  beforeAll(async () => {
    server = await startAzurite()
    await container().create()
  })
  afterAll(() => server?.stop())

  async function uncommitted(): Promise<string[]> {
    const [names, committed]: [string[], string[]] = [[], []]
    for await (const { name } of container().listBlobsFlat({ includeUncommitedBlobs: true })) names.push(name)
    for await (const { name } of container().listBlobsFlat()) committed.push(name)
    return names.filter(name => !committed.includes(name)).map(name => `blocks of ${name}`)
  }

  testFaults(
    'azure',
    options =>
      openFaultyHttp(
        server.endpoint,
        ({ url, ...rest }) => createAzureStorage({ ...server, ...rest, endpoint: at(url, server.endpoint) }),
        { ...options, leftovers: uncommitted },
      ),
    httpFaults(single),
  )
})

const gcs = await findGcs()
describe.skipIf(!gcs)('fake-gcs-server', () => {
  let server: Awaited<ReturnType<typeof startGcs>>
  beforeAll(async () => {
    server = await startGcs(gcs!)
    await server.createBucket(bucket)
  })
  afterAll(() => server?.stop())

  testFaults(
    'google',
    options =>
      openFaultyHttp(server.endpoint, ({ url, ...rest }) => createGoogleStorage({ ...rest, endpoint: url }), options),
    httpFaults({
      get: { download: /^GET .*cat\.jpg\?alt=media$/, description: /^GET .*cat\.jpg$/ },
      put: { upload: /^POST \/upload\// },
    }),
  )
})

describe('openstack swift', () => {
  let server: SwiftServer
  beforeAll(async () => {
    server = await startSwift()
    await server.createContainer(bucket)
  }, 300_000)
  afterAll(() => server?.[Symbol.asyncDispose]())

  testFaults(
    'oracle',
    options => {
      const { storage: login } = server
      const open = ({ url, ...rest }: Opening) =>
        createOracleStorage({ ...login, ...rest, oracleAuthEndpoint: at(url, login.oracleAuthEndpoint) })
      return openFaultyHttp(login.oracleAuthEndpoint, open, options)
    },
    httpFaults(single),
  )
})

describe('a web server', () => {
  let origin: Awaited<ReturnType<typeof startOrigin>>
  beforeAll(async () => {
    origin = await startOrigin()
  })
  afterAll(() => origin?.[Symbol.asyncDispose]())

  // It tries again what broke off before an answer, and takes every answer for what it says.
  const refused = { get: 'storage_unavailable' as const }
  testFaults(
    'http',
    options =>
      openFaultyHttp(
        origin.url,
        ({ url, timeoutMs }) => createHttpStorage({ url: `${url}/<container><item>`, timeoutMs }),
        { ...options, seed: async body => origin.put('/photos/trip/cat.jpg', body) },
      ),
    httpFaults({
      ...single,
      ends: {
        'the answer is no HTTP': refused,
        'the answer is 500': refused,
        'the answer is 503 before the body': refused,
      },
    }),
    { writing: true },
  )
})

describe('openssh', () => {
  // Its package brings `sftp-server` along.
  beforeAll(findSshd, 300_000)
  testFaults('sftp', options => openFaultySftp(createSftpStorage, options), sftpFaults())
})
