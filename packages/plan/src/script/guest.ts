import { methods } from './record-calls.ts'

/**
 * The module that runs inside the engine: makes the objects that a script knows from mort, calls it, and answers with
 * JSON. Without a request it only looks at what the script exports. It is in the script's own world, which the script
 * can change: nothing that comes out of it is believed.
 */
export const guest = `
import script from 'script'

if (typeof script !== 'function') throw new TypeError('expected a function as the default export')

const { parse, stringify } = JSON
const request = parse(input)
const match = matchPath
delete globalThis.input
delete globalThis.matchPath

export default stringify(request === null ? null : answer(request))

function answer({ url, bucketConfig, obj }) {
  const { transform } = bucketConfig
  if (transform.path !== '') transform.pathRegexp = text => parse(match(String(text)))
  const calls = []
  obj.transforms = {}
  for (const [name, count] of ${JSON.stringify(Object.entries(methods))}) {
    obj.transforms[name] = (...given) => {
      if (given.length !== count) throw new TypeError(name + ': takes ' + count + ' arguments, not ' + given.length)
      calls.push([name, ...given])
    }
  }
  const { parent, err, then } = script({ url, bucketConfig, obj }) ?? {}
  if (then !== undefined) throw new TypeError('the function may not be async')
  const { allowChangeKey, checkParent } = obj
  return { parent, err: err === undefined ? err : String(err), calls, allowChangeKey, checkParent }
}
`
