import { abortUpload } from './abort-upload.ts'
import { completeUpload } from './complete-upload.ts'
import { copyObject } from './copy-object.ts'
import { createBucket } from './create-bucket.ts'
import { createUpload } from './create-upload.ts'
import { deleteObject } from './delete-object.ts'
import { deleteObjects } from './delete-objects.ts'
import { getAcl } from './get-acl.ts'
import { getBucketLocation } from './get-bucket-location.ts'
import { getBucketVersioning } from './get-bucket-versioning.ts'
import { getObject } from './get-object.ts'
import { getObjectAttributes } from './get-object-attributes.ts'
import { getObjectTagging } from './get-object-tagging.ts'
import { headBucket } from './head-bucket.ts'
import { listBuckets } from './list-buckets.ts'
import { listObjects } from './list-objects.ts'
import { listParts } from './list-parts.ts'
import { listUploads } from './list-uploads.ts'
import type { Operation } from './operation.ts'
import { postObject } from './post-object.ts'
import { putObject } from './put-object.ts'
import { uploadPart } from './upload-part.ts'
import { uploadPartCopy } from './upload-part-copy.ts'

/** The S3 API. What is not here is `MethodNotAllowed`; what is about a sub-resource and not here, `NotImplemented`. */
export const operations: Operation[] = [
  { name: 'ListBuckets', method: 'GET', on: 'service', run: listBuckets },

  { name: 'CreateBucket', method: 'PUT', on: 'name', run: createBucket },
  { name: 'HeadBucket', method: 'HEAD', on: 'public bucket', run: headBucket },
  { name: 'GetBucketLocation', method: 'GET', about: 'location', on: 'public bucket', run: getBucketLocation },
  { name: 'GetBucketVersioning', method: 'GET', about: 'versioning', on: 'bucket', run: getBucketVersioning },
  { name: 'GetBucketAcl', method: 'GET', about: 'acl', on: 'bucket', run: getAcl },
  { name: 'ListObjects', method: 'GET', on: 'public bucket', run: listObjects },
  { name: 'ListMultipartUploads', method: 'GET', about: 'uploads', on: 'bucket', run: listUploads },
  { name: 'DeleteObjects', method: 'POST', about: 'delete', on: 'bucket', run: deleteObjects },
  { name: 'PostObject', method: 'POST', on: 'form', run: postObject },

  { name: 'GetObject', method: 'GET', on: 'object', run: getObject },
  { name: 'HeadObject', method: 'HEAD', on: 'object', run: getObject },
  { name: 'GetObjectAttributes', method: 'GET', about: 'attributes', on: 'object', run: getObjectAttributes },
  { name: 'GetObjectAcl', method: 'GET', about: 'acl', on: 'object', run: getAcl },
  { name: 'GetObjectTagging', method: 'GET', about: 'tagging', on: 'object', run: getObjectTagging },
  { name: 'PutObject', method: 'PUT', on: 'object', run: putObject },
  { name: 'CopyObject', method: 'PUT', copies: true, on: 'object', run: copyObject },
  { name: 'DeleteObject', method: 'DELETE', on: 'object', run: deleteObject },

  { name: 'CreateMultipartUpload', method: 'POST', about: 'uploads', on: 'object', run: createUpload },
  { name: 'UploadPart', method: 'PUT', about: 'uploadId', on: 'object', run: uploadPart },
  { name: 'UploadPartCopy', method: 'PUT', about: 'uploadId', copies: true, on: 'object', run: uploadPartCopy },
  { name: 'ListParts', method: 'GET', about: 'uploadId', on: 'object', run: listParts },
  { name: 'CompleteMultipartUpload', method: 'POST', about: 'uploadId', on: 'object', run: completeUpload },
  { name: 'AbortMultipartUpload', method: 'DELETE', about: 'uploadId', on: 'object', run: abortUpload },
]
