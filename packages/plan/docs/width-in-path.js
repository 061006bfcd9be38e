// /media/w300/cat.jpg: cat.jpg of the bucket originals, 300 px wide. Anything else is an object as it is stored.
export default function ({ obj }) {
  const [, width, name] = /^\/w(\d{1,4})\/(.+)$/.exec(obj.key) ?? []
  if (name === undefined) return
  if (width === '0') return { err: 'no width' }
  obj.transforms.resize(width, 0, false, false, false)
  return { parent: `/originals/${name}` }
}
