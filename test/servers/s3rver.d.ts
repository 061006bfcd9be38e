declare module 's3rver' {
  import type { Server } from 'node:http'

  export type Options = {
    address: string
    port: number
    directory: string
    silent: boolean
    vhostBuckets: boolean
  }

  export default class S3rver {
    constructor(options: Options)
    readonly httpServer: Server
    run(): Promise<{ port: number }>
    close(): Promise<void>
  }
}
