import type { BucketConfig } from '@mortise/config'
import type { Planner } from '@mortise/plan'
import type { S3Auth } from '@mortise/s3-auth'
import type { Storage } from '@mortise/storage'
import type { Opener } from '../open.ts'
import type { Originals } from '../originals/originals.ts'
import type { Access } from './access.ts'
import type { Intake } from './intake.ts'
import type { Uploads } from './uploads/uploads.ts'

/** What the operations stand on. */
export type S3Deps = Intake & {
  buckets: Record<string, BucketConfig>
  planner: Planner
  auth: S3Auth
  access: Access
  /** By name as in a Plan. Throws `storage_unavailable` for one that is not configured. */
  storage(name: string): Storage
  opener: Opener
  uploads: Uploads
  originals: Originals
  /** Bytes of one upload. */
  uploadBytes: number
  /** Milliseconds since the epoch. */
  now(): number
}
