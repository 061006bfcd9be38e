import { fileURLToPath } from 'node:url'
import { loadConfig } from '@mortise/config'
import { createPlanner, type Format, loadScripts, type Plan, type Planner, type Resolution } from './plan.ts'

/**
 * For the tests of this package: the planner of a configuration with a bucket for each grammar, and one for each way to
 * read it. `plugins`: of the section `server.plugins`, in the flow style of YAML.
 */
export async function plannerWith(plugins: string): Promise<Planner> {
  const { config } = loadConfig(fileWith(plugins), { env: {}, baseDir: '/' })
  return createPlanner(config, await loadScripts(config))
}

/** What a URL means to it. */
export function resolve(target: string, accepts: Format[] = [], by = planner): Resolution {
  return by.plan({ target, accepts })
}

/** Throws for what is no derivative. */
export function planOf(target: string, accepts: Format[] = [], by = planner): Plan {
  const resolution = resolve(target, accepts, by)
  if (resolution.kind !== 'derivative') throw new Error(`${target} is no derivative`)
  return resolution.plan
}

const script = fileURLToPath(new URL('../fixtures/size.js', import.meta.url))
const storages = 'storages: {basic: {kind: noop}, transform: {kind: noop}}'
const byName = 'path: "^/(?P<presetName>[a-z_]+)/(?P<parent>.+)$", parentBucket: plain'
const byTokens = 'path: "^/(?P<transformations>[^/]*)/(?P<parent>.+)$"'
const written = {
  small: '{quality: 75, filters: {thumbnail: {width: 100}}}',
  bad_format: '{format: bmp, filters: {}}',
  bad_sigma: '{filters: {blur: {sigma: 101}}}',
  no_sigma: '{filters: {blur: {minAmpl: 1}}}',
  below: '{filters: {thumbnail: {width: -1}}}',
  below_crop: '{filters: {crop: {height: -1}}}',
  below_area: '{filters: {extract: {top: -1}}}',
  below_auto: '{filters: {resizeCropAuto: {width: -1}}}',
  no_image: '{filters: {watermark: {position: top-left}}}',
  no_position: '{filters: {watermark: {image: /a.png}}}',
  bad_position: '{filters: {watermark: {image: /a.png, position: left-top}}}',
  bad_opacity: '{filters: {watermark: {image: /a.png, position: top-left, opacity: 1.5}}}',
  bad_url: '{filters: {watermark: {image: "http://u:secret@a/b", position: top-left}}}',
  marked: '{filters: {watermark: {image: mark.png, position: center-right}}}',
  marked_url: '{filters: {watermark: {image: "HTTPS://A/b.png", position: bottom-left, opacity: 0.25}}}',
  auto: '{quality: 60, filters: {resizeCropAuto: {width: 30, height: 20}, blur: {sigma: 1}, interlace: true}}',
  odd_quality: '{quality: 101, filters: {rotate: {angle: 45}, grayscale: true}}',
}
const presets = `presets: {${Object.entries(written)
  .map(([name, text]) => `${name}: ${text}`)
  .join(', ')}}`
const fileWith = (plugins: string) => `
server: {plugins: {${plugins}}}
buckets:
  plain: {${storages}}
  query: {${storages}, transform: {kind: query}}
  presets: {${storages}, transform: {kind: presets, ${byName}, ${presets}}}
  mixed: {${storages}, transform: {kind: presets-query, ${byName}, ${presets}}}
  base64: {${storages}, transform: {kind: base64_presets, ${byName}, ${presets}}}
  cloud: {${storages}, transform: {kind: cloudinary, ${byTokens}, parentBucket: plain}}
  lacking: {${storages}, transform: {kind: cloudinary, path: "x", parentBucket: plain}}
  script: {${storages}, transform: {kind: script, scriptPath: ${script}}}
  open: {${storages}, transform: {kind: presets, path: "^/(?P<presetName>[a-z_]+)/(?P<parent>.+)$", ${presets}}}
  still: {${storages}, transform: {kind: query, compat: [still-gif, integer-ratio, watermark-position]}}
  old: {${storages}, transform: {kind: presets-query, ${byName}, ${presets}, compat: [watermark-position]}}
  kept: {${storages}, transform: {kind: query, keepFormat: true}}
  hashed: {${storages}, transform: {kind: presets-query, ${byName}, ${presets}, mortKeys: true}}
  hashedToo: {${storages}, transform: {kind: presets-query, ${byName}, ${presets}, mortKeys: true, resultKey: hash}}
  merged: {${storages}, transform: {kind: presets-query, ${byName}, ${presets}, compat: [merge-sets]}}
  tengo: {${storages}, transform: {kind: tengo, tengoPath: x.tengo}}`

/** Without any plugin. */
export const planner = await plannerWith('')
