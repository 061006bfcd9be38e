import { type Told, tell } from './listing.ts'
import { createSmallest } from './smallest.ts'
import type { ListOptions } from './storage.ts'
import { compareText } from './text-order.ts'

export type FolderEntry = { name: string; folder: boolean }

/**
 * What shows in a folder, some at a time and in any order; nothing when it is not there. The name begins and ends with a
 * slash.
 */
export type ReadFolder = (folder: string) => AsyncIterable<FolderEntry[]>

/**
 * What a page tells of keys that lie in folders, and one more when there are more. A folder in which nothing shows is a
 * key of its own, with a trailing slash. Of each folder on the way down no more is kept than the page needs; a folder
 * sorts as its name with a slash, so whatever is in it follows right after it.
 */
export async function walkFolders(options: ListOptions, readFolder: ReadFolder): Promise<Told[]> {
  const { prefix, after = '', limit, signal } = options
  const told: Told[] = []
  const missing = () => limit + 1 - told.length

  async function walk(folder: string): Promise<void> {
    for (let last: string | null = null; ; ) {
      const smallest = createSmallest<Told & { enter: boolean }>(missing())
      let empty = true
      for await (const entries of readFolder(folder)) {
        signal.throwIfAborted()
        empty &&= entries.length === 0
        for (const entry of entries) {
          const key = folder + entry.name + (entry.folder ? '/' : '')
          if (!key.startsWith(prefix)) continue
          const one = tell(key, options)
          const enter = entry.folder && !one.common
          const onTheWay = enter && last === null && after.startsWith(key)
          if (onTheWay || compareText(one.text, last ?? after) > 0) smallest.add(one.text, { ...one, enter })
        }
      }
      if (empty && last === null) tellEmpty(folder)
      for (const { enter, ...one } of smallest.values()) {
        if (enter) await walk(one.text)
        else told.push(one)
        if (missing() === 0) return
        last = one.text
      }
      // A folder holds a key at least, unless it was changed meanwhile or all of its keys are before `after`.
      if (!smallest.isFull()) return
    }
  }

  function tellEmpty(folder: string): void {
    const isKey = folder !== '/' && folder.startsWith(prefix) && compareText(folder, after) > 0
    if (isKey) told.push({ text: folder, common: false })
  }

  await walk(prefix.slice(0, prefix.lastIndexOf('/') + 1))
  return told
}
