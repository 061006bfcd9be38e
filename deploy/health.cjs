// `node health.cjs [healthz|readyz]`: asks the internal listener of this machine and ends with 0 when the answer is 200.
// INTERNAL_PORT is where it listens if not at 8081. CommonJS and no fetch: it runs every few seconds, in 70 ms.
const { get } = require('node:http')

const [what = 'healthz'] = process.argv.slice(2)
const request = get({ host: '127.0.0.1', port: process.env.INTERNAL_PORT ?? 8081, path: `/${what}`, timeout: 4000 })

request.once('response', ({ statusCode }) => process.exit(statusCode === 200 ? 0 : 1))
request.once('timeout', () => process.exit(1))
request.once('error', () => process.exit(1))
