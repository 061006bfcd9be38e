import { resolve } from 'node:path'
import type { Report } from '../report.ts'
import type { StorageConfig, StorageKind } from '../types.ts'
import { map, section } from './section.ts'
import { bool, type Output, text } from './setting.ts'

/** mort's keys are allowed beside any kind; each kind reads its own. */
export const storage = section(
  {
    kind: text('local, local-meta, s3, http, b2, noop, google, azure, sftp or oracle; ours: memory.'),
    pathPrefix: text('Put before every key.'),
    bucket: text('The container; empty = the bucket that the object belongs to.'),
    headers: map(text('The value.'), 'Sent with requests (http), set on what is stored (all others).'),
    rootPath: text('local, local-meta: the folder that holds the containers.'),
    readonly: bool('Ours. local, local-meta: refuse to write.'),
    hideDotFiles: bool('Ours. local, local-meta: what begins with a dot is not there.'),
    accessKey: text('s3: the access key.'),
    secretAccessKey: text('s3: the secret key.'),
    region: text('s3: the region.', 'us-east-1'),
    endpoint: text('s3: URL of the service; empty = that of Amazon.'),
    HTTPTracing: text('s3: `true` logs requests.'),
    url: text('http: URL with <container> and <item>.'),
    b2Account: text('b2: the account.'),
    b2ApplicationKey: text('b2: the key.'),
    b2ApplicationKeyId: text('b2: the id of the key.'),
    b2Region: text('Ours. b2: the region, as in s3.REGION.backblazeb2.com.'),
    b2Endpoint: text('Ours. b2: URL of the service; empty = that of the region.'),
    googleConfigJson: text('google: the credentials, as JSON; empty = those of the environment.'),
    googleProjectId: text('google: the project.'),
    googleScopes: text('google: scopes, with commas between them.'),
    googleEndpoint: text('Ours. google: URL of the service; empty = that of Google.'),
    azureAccount: text('azure: the account.'),
    azureKey: text('azure: the key.'),
    azureEndpoint: text('Ours. azure: URL of the service; empty = that of the account.'),
    oracleUsername: text('oracle: the user.'),
    oraclePassword: text('oracle: the password.'),
    oracleAuthEndpoint: text('oracle: URL of the authentication.'),
    sftpHost: text('sftp: the host.'),
    sftpPort: text('sftp: the port.', '22'),
    sftpUsername: text('sftp: the user.'),
    sftpPassword: text('sftp: the password.'),
    sftpPrivateKey: text('sftp: the private key.'),
    sftpPrivateKeypassphrase: text('sftp: the passphrase of the private key.'),
    sftpHostPublicKey: text('sftp: the public key of the host.'),
    sftpBasePath: text('sftp: the folder that holds the containers.', '.'),
  },
  'A place for objects.',
)

type StorageSection = Output<typeof storage>

export function checkStorage(storage: StorageSection, report: Report): void {
  const kind = kinds.find(name => name === storage.kind)
  if (!kind) {
    const found = storage.kind === '' ? 'nothing' : JSON.stringify(storage.kind)
    report.mistake(['kind'], `expected one of ${kinds.join(', ')}, found ${found}`)
    return
  }
  for (const name of required[kind]) {
    if (storage[name] === '') report.mistake([name], `expected a text, which the kind ${kind} needs, found nothing`)
  }
  // mort starts without these, and every request to the storage fails; so it is here.
  for (const name of needed[kind] ?? []) {
    if (storage[name] === '') report.warn([name], `is missing, and the kind ${kind} needs it: ${unusable}`)
  }
  if (kind === 'http' && storage.url !== '' && !isTemplate(storage.url)) {
    report.mistake(['url'], 'expected a URL like https://host/<container><item>, found another text')
  }
  const endpoint = endpoints[kind]
  if (endpoint && storage[endpoint] !== '' && !isEndpoint(storage[endpoint] as string)) {
    report.mistake([endpoint], 'expected a URL like https://host:port, found another text')
  }
  if (kind === 'b2' && storage.b2Region === '' && storage.b2Endpoint === '') {
    report.warn(['b2Region'], `is missing, and so is b2Endpoint; the kind b2 needs one of them: ${unusable}`)
  }
}

/** As the storage fills it in; both names stand for any text. */
function isTemplate(text: string): boolean {
  const filled = URL.parse(text.replace('<container>', 'one').replace('<item>', '/key'))
  return filled?.protocol === 'http:' || filled?.protocol === 'https:'
}

/** As the client of S3 takes it apart; `https://` may be left out. */
function isEndpoint(text: string): boolean {
  const url = URL.parse(/^https?:\/\//i.test(text) ? text : `https://${text}`)
  return url?.pathname === '/' && url.search === '' && url.username === ''
}

const endpoints: { [K in StorageKind]?: keyof StorageSection & string } = { s3: 'endpoint', b2: 'b2Endpoint' }

/** `name`: as the bucket calls it. `baseDir`: what a relative `rootPath` starts from. */
export function resolveStorage(name: string, storage: StorageSection, baseDir: string): StorageConfig {
  const { headers } = storage
  const common = {
    // mort's default for this one name, which it never reads by itself.
    pathPrefix: storage.pathPrefix || (name === 'transforms' ? 'transforms' : ''),
    bucket: storage.bucket || null,
    headers,
  }
  return { ...common, ...resolvers[storage.kind as StorageKind](storage, baseDir) } as StorageConfig
}

type Resolvers = {
  [K in StorageKind]: (
    storage: StorageSection,
    baseDir: string,
  ) => Omit<Extract<StorageConfig, { kind: K }>, 'pathPrefix' | 'bucket' | 'headers' | 'kind'> & { kind: K }
}

function files({ rootPath, readonly, hideDotFiles }: StorageSection, baseDir: string) {
  return { rootPath: resolve(baseDir, rootPath), readonly, hideDotFiles }
}

const resolvers: Resolvers = {
  local: (storage, baseDir) => ({ kind: 'local', ...files(storage, baseDir) }),
  'local-meta': (storage, baseDir) => ({ kind: 'local-meta', ...files(storage, baseDir) }),
  memory: () => ({ kind: 'memory' }),
  noop: () => ({ kind: 'noop' }),
  s3: ({ accessKey, secretAccessKey, region, endpoint, HTTPTracing }) => ({
    kind: 's3',
    accessKey,
    secretAccessKey,
    region,
    endpoint: endpoint || null,
    HTTPTracing: HTTPTracing === 'true',
  }),
  http: ({ url }) => ({ kind: 'http', url }),
  b2: ({ b2Account, b2ApplicationKey, b2ApplicationKeyId, b2Region, b2Endpoint }) => ({
    kind: 'b2',
    b2Account,
    b2ApplicationKey,
    b2ApplicationKeyId,
    b2Region: b2Region || null,
    b2Endpoint: b2Endpoint || null,
  }),
  google: ({ googleConfigJson, googleProjectId, googleScopes, googleEndpoint }) => ({
    kind: 'google',
    googleConfigJson,
    googleProjectId,
    googleScopes: googleScopes.split(',').flatMap(scope => scope.trim() || []),
    googleEndpoint: googleEndpoint || null,
  }),
  azure: ({ azureAccount, azureKey, azureEndpoint }) => ({
    kind: 'azure',
    azureAccount,
    azureKey,
    azureEndpoint: azureEndpoint || null,
  }),
  oracle: ({ oracleUsername, oraclePassword, oracleAuthEndpoint }) => ({
    kind: 'oracle',
    oracleUsername,
    oraclePassword,
    oracleAuthEndpoint,
  }),
  sftp: storage => ({
    kind: 'sftp',
    sftpHost: storage.sftpHost,
    sftpPort: storage.sftpPort,
    sftpUsername: storage.sftpUsername,
    sftpPassword: storage.sftpPassword,
    sftpPrivateKey: storage.sftpPrivateKey,
    sftpPrivateKeypassphrase: storage.sftpPrivateKeypassphrase,
    sftpHostPublicKey: storage.sftpHostPublicKey,
    sftpBasePath: storage.sftpBasePath,
  }),
}

/** What mort asks for at start. */
const required: Record<StorageKind, (keyof StorageSection & string)[]> = {
  local: ['rootPath'],
  'local-meta': ['rootPath'],
  memory: [],
  s3: ['accessKey', 'secretAccessKey'],
  http: ['url'],
  b2: [],
  noop: [],
  google: [],
  azure: [],
  sftp: [],
  oracle: [],
}

/** What cannot be done without later. */
const needed: { [K in StorageKind]?: (keyof StorageSection & string)[] } = {
  b2: ['b2ApplicationKeyId', 'b2ApplicationKey'],
  azure: ['azureAccount', 'azureKey'],
  sftp: ['sftpHost', 'sftpUsername'],
  oracle: ['oracleUsername', 'oraclePassword', 'oracleAuthEndpoint'],
}

const unusable = 'every request to this storage fails with 503'

const kinds = Object.keys(required) as StorageKind[]
