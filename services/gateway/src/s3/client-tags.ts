import type { ObjectInfo, Storage } from '@mortise/storage'

/**
 * The storage with tags that no client of S3 takes for what they are not: many believe that a tag without a hyphen is the
 * MD5 of the bytes, and call an object damaged when it is another. Such a tag gets `-1` behind it, as if the object had
 * been uploaded in one part, and conditions may name it so.
 */
export function withClientTags(storage: Storage): Storage {
  const { get, head, put, list } = storage
  return {
    ...storage,
    async get(ref, options) {
      const object = await get(ref, options)
      return object && { ...object, info: told(object.info) }
    },
    head: async (ref, signal) => {
      const info = await head(ref, signal)
      return info && told(info)
    },
    async put(ref, object, signal) {
      const known = object.ifMatch?.endsWith(mark) ? await head(ref, signal) : null
      const ifMatch = known && told(known).etag === object.ifMatch ? known.etag : object.ifMatch
      return told(await put(ref, ifMatch === undefined ? object : { ...object, ifMatch }, signal))
    },
    ...(list && {
      async list(bucket, options) {
        const page = await list(bucket, options)
        return { ...page, objects: page.objects.map(({ key, info }) => ({ key, info: told(info) })) }
      },
    }),
  }
}

const mark = '-1'

function told<Info extends Pick<ObjectInfo, 'etag'>>(info: Info): Info {
  const { etag } = info
  return etag === '' || etag.includes('-') || /^[0-9a-f]{32}$/.test(etag) ? info : { ...info, etag: etag + mark }
}
