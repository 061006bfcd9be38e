import { optionalSection, section } from './section.ts'
import { bool, float, int, optionalBool, text } from './setting.ts'

const width = int('Pixels; 0 = not given.')
const height = int('Pixels; 0 = not given.')
const mode = text('`outbound`, or anything else.')

export const filters = section(
  {
    thumbnail: optionalSection(
      {
        width,
        height,
        mode,
        preserveAspectRatio: bool('Keep the aspect ratio when both sides are given.'),
        fill: bool('Cover both sides.'),
        enlarge: optionalBool('Ours. `false`: never larger than the original. Absent: as mort.'),
      },
      'Resize.',
    ),
    crop: optionalSection(
      {
        width,
        height,
        gravity: text('center, north, west, east, south or smart; anything else is smart.'),
        mode,
        embed: bool('Accepted; has no effect, as in mort.'),
      },
      'Resize and cut to exactly this size.',
    ),
    extract: optionalSection(
      { width, height, top: int('Pixels from the top.'), left: int('Pixels from the left.') },
      'Cut an area out.',
    ),
    resizeCropAuto: optionalSection({ width, height }, 'Resize and cut around what matters.'),
    blur: optionalSection({ sigma: float('Above 0, at most 100.'), minAmpl: float('0.001 to 1.') }, 'Gaussian blur.'),
    watermark: optionalSection(
      {
        image: text('URL or path of the image.'),
        position: text('`top`, `center` or `bottom`, a hyphen, `left`, `center` or `right`.'),
        opacity: float('0 to 1.'),
      },
      'Lay another image over this one.',
    ),
    rotate: optionalSection({ angle: int('0, 90, 180 or 270 degrees clockwise.') }, 'Rotate.'),
    interlace: bool('Progressive JPEG, interlaced PNG.'),
    strip: bool('Remove all metadata.'),
    grayscale: bool('Grey only.'),
    auto_rotate: bool('Accepted; images are always turned upright, as in mort.'),
  },
  'What to do. The order is fixed.',
)
