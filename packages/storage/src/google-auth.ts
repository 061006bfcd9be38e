import { createPrivateKey } from 'node:crypto'
import { type GetSignedUrlConfig, Storage as GoogleClient } from '@google-cloud/storage'
import { MortiseError } from '@mortise/errors'
import { GoogleAuth, JWT, type JWTInput, UserRefreshClient } from 'google-auth-library'
import { asError } from './body.ts'
import type { StoredHeaders } from './headers.ts'

export type GoogleAccountOptions = {
  /** The JSON of a service account, or of another kind of credentials. Absent: what the environment provides. */
  configJson?: string
  projectId?: string
  scopes?: string[]
  /** An address without the path. `http:` without credentials: an emulator, which nobody has to log in to. */
  endpoint: string
  timeoutMs: number
}

/** Who asks. Throws `invalid_config` for credentials that cannot be used. */
export function createGoogleAccount({ configJson, projectId, scopes = [], endpoint, timeoutMs }: GoogleAccountOptions) {
  const credentials = configJson ? readCredentials(configJson) : undefined
  const project = projectId || credentials?.project_id
  const anonymous = !credentials && endpoint.startsWith('http:')
  const common = {
    scopes: scopes.length > 0 ? scopes : ['https://www.googleapis.com/auth/devstorage.read_write'],
    transporterOptions: { timeout: timeoutMs },
  }
  const auth = new GoogleAuth({
    ...(credentials ? { authClient: createClient(credentials, common) } : {}),
    ...(project ? { projectId: project } : {}),
    scopes: common.scopes,
    clientOptions: common,
  })
  // Where the library looks for the name under which a URL is signed.
  auth.jsonContent = credentials ?? null
  const client = new GoogleClient({
    authClient: auth,
    apiEndpoint: endpoint,
    ...(project ? { projectId: project } : {}),
  })

  return {
    project,
    async authorize(signal: AbortSignal): Promise<StoredHeaders> {
      if (anonymous) return {}
      const headers = await orAborted(signal, auth.getRequestHeaders())
      return Object.fromEntries(headers)
    },
    async presign(bucket: string, key: string, expiresSeconds: number, signal: AbortSignal): Promise<string> {
      if (anonymous) throw new MortiseError('storage_unavailable', 'google: nobody is there who could sign a URL')
      const config: GetSignedUrlConfig = {
        version: 'v4',
        action: 'read',
        expires: Date.now() + expiresSeconds * 1000,
      }
      try {
        const [url] = await orAborted(signal, client.bucket(bucket).file(key).getSignedUrl(config))
        return url
      } catch (error) {
        signal.throwIfAborted()
        const why = `google: cannot sign a URL: ${asError(error).message}`
        throw new MortiseError('storage_unavailable', why, { cause: error })
      }
    },
  }
}

function readCredentials(text: string): JWTInput {
  try {
    const read: unknown = JSON.parse(text)
    if (typeof read === 'object' && read !== null && !Array.isArray(read)) return read
  } catch {
    // The text is a secret, which the error of the parser would show.
  }
  throw new MortiseError('invalid_config', 'google: the credentials are no JSON object')
}

/** As the library advises, one kind at a time: some kinds of credentials name commands to run and addresses to ask. */
function createClient(credentials: JWTInput, common: { scopes: string[] }): JWT | UserRefreshClient {
  const { type, client_email, private_key, private_key_id, client_id, client_secret, refresh_token } = credentials
  if (type === 'service_account' && client_email && private_key && isKey(private_key)) {
    const keyId = private_key_id ? { keyId: private_key_id } : {}
    const client = new JWT({ ...common, email: client_email, key: private_key, ...keyId })
    // It signs its tokens itself, instead of having each one made by another service.
    client.useJWTAccessWithScope = true
    return client
  }
  if (type === 'authorized_user' && client_id && client_secret && refresh_token) {
    const secrets = { clientId: client_id, clientSecret: client_secret, refreshToken: refresh_token }
    return new UserRefreshClient({ ...common, ...secrets })
  }
  throw new MortiseError(
    'invalid_config',
    'google: the credentials are not those of a service_account or an authorized_user; others are taken from the file that GOOGLE_APPLICATION_CREDENTIALS names',
  )
}

function isKey(text: string): boolean {
  try {
    return createPrivateKey(text).type === 'private'
  } catch {
    return false
  }
}

/** The library takes no signal. What it does is shared by all who wait for the same token. */
function orAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(asError(signal.reason))
    if (signal.aborted) onAbort()
    signal.addEventListener('abort', onAbort, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}
