import type { Step } from '@mortise/operations'

export type Size = [width: number, height: number]
/** What is asked, of an image of which size (upright), and the size that has to come out. */
export type SizeRow = [name: string, from: Size, step: Step, to: Size]

type Fit = (Step & { op: 'resize' })['fit']

const resize = (fit: Fit, [width, height]: Size, enlarge: boolean): Step => ({
  op: 'resize',
  width,
  height,
  fit,
  enlarge,
})
const crop = ([width, height]: Size, enlarge: boolean): Step => ({
  op: 'crop',
  width,
  height,
  gravity: 'smart',
  enlarge,
})
const extract = (left: number, top: number, [width, height]: Size): Step => ({
  op: 'extract',
  left,
  top,
  width,
  height,
})
const auto = ([width, height]: Size): Step => ({ op: 'resizeCropAuto', width, height })
const pad = ([width, height]: Size): Step => ({ op: 'pad', width, height, gravity: 'center', background: '#ff000080' })

/** The name of an overlay; whoever renders the rows brings a small one. */
export const aMark = 'https://example.org/mark.png'

/** One row for each case of mort's documentation and behaviour, and for each of ours. They change only on purpose. */
export const sizes: SizeRow[] = [
  ['resize stretches to exactly both sizes', [1000, 800], resize('stretch', [300, 100], true), [300, 100]],
  ['resize stretches beyond the image', [100, 80], resize('stretch', [300, 100], true), [300, 100]],
  ['resize keeps the ratio with a width', [1000, 805], resize('stretch', [150, 0], true), [150, 121]],
  ['resize keeps the ratio with a height', [1000, 805], resize('stretch', [0, 150], true), [186, 150]],
  ['resize enlarges to a width', [100, 75], resize('stretch', [150, 0], true), [150, 113]],
  ['resize never gives a side of nothing', [1000, 2], resize('stretch', [100, 0], true), [100, 1]],
  ['resize leaves a smaller image alone with one size', [100, 75], resize('stretch', [150, 0], false), [100, 75]],
  ['resize leaves only the smaller side alone with both', [100, 75], resize('stretch', [150, 50], false), [100, 50]],
  ['resize fits inside a wide box', [1000, 800], resize('inside', [500, 100], true), [125, 100]],
  ['resize fits inside a high box', [1000, 800], resize('inside', [100, 500], true), [100, 80]],
  ['resize fits inside and enlarges', [100, 80], resize('inside', [500, 500], true), [500, 400]],
  ['resize fits inside by the side that is too large', [100, 800], resize('inside', [500, 400], false), [50, 400]],
  ['resize does nothing when both sides are smaller', [100, 80], resize('inside', [500, 500], false), [100, 80]],
  ['resize does nothing when the box is the image', [100, 80], resize('inside', [100, 80], false), [100, 80]],
  ['resize drops the width when it goes in fewer times', [1000, 1600], resize('keep', [500, 400], true), [250, 400]],
  [
    'resize drops the height when the width goes in more often',
    [1600, 1000],
    resize('keep', [400, 500], true),
    [400, 250],
  ],
  ['resize drops the height when both go in equally often', [1000, 900], resize('keep', [600, 500], true), [600, 540]],
  ['resize drops the height when neither goes in', [100, 80], resize('keep', [500, 300], true), [500, 400]],
  ['resize keeps a smaller image as it is', [100, 80], resize('keep', [500, 300], false), [100, 80]],
  ['resize covers exactly both sizes', [1000, 800], resize('cover', [300, 300], true), [300, 300]],
  ['resize covers more than the image', [100, 80], resize('cover', [300, 300], true), [300, 300]],
  ['resize covers at the largest size of that ratio', [100, 80], resize('cover', [300, 300], false), [80, 80]],
  ['resize covers at the largest wide size', [100, 80], resize('cover', [400, 200], false), [100, 50]],
  ['resize covers with one size as if it did not', [1000, 800], resize('cover', [0, 100], true), [125, 100]],
  ['resize does nothing without sizes', [1000, 800], resize('cover', [0, 0], true), [1000, 800]],

  ['crop covers and cuts to both sizes', [1000, 800], crop([300, 200], false), [300, 200]],
  ['crop leaves an image alone that is smaller on both sides', [200, 100], crop([300, 200], false), [200, 100]],
  ['crop enlarges an image that is smaller on one side', [1000, 100], crop([300, 200], false), [300, 200]],
  ['crop enlarges an image that is as large on one side', [300, 100], crop([300, 200], false), [300, 200]],
  ['crop enlarges any image when it may', [200, 100], crop([300, 200], true), [300, 200]],
  ['crop cuts the width without scaling', [1000, 800], crop([300, 0], false), [300, 800]],
  ['crop cuts the height without scaling', [1000, 800], crop([0, 300], true), [1000, 300]],
  ['crop cuts nothing off what is smaller', [200, 100], crop([300, 0], true), [200, 100]],
  ['crop does nothing without sizes', [1000, 800], crop([0, 0], true), [1000, 800]],

  ['pad fills up to both sizes', [1000, 800], pad([300, 300]), [300, 300]],
  ['pad enlarges first', [100, 75], pad([300, 400]), [300, 400]],
  ['pad fills up what keeps its size', [70, 50], pad([70, 60]), [70, 60]],
  ['pad does nothing to what fits exactly', [70, 50], pad([70, 50]), [70, 50]],

  ['resizeCropAuto takes its area and covers both sizes', [1000, 800], auto([300, 200]), [300, 200]],
  ['resizeCropAuto takes the full width', [1000, 1600], auto([300, 200]), [300, 200]],
  ['resizeCropAuto gives the very size of the image', [70, 50], auto([70, 50]), [70, 50]],
  ['resizeCropAuto enlarges an image that is smaller on one side', [100, 800], auto([300, 200]), [300, 200]],
  ['resizeCropAuto enlarges an image that is smaller on both sides', [100, 80], auto([300, 200]), [300, 200]],

  ['extract takes the area', [1000, 800], extract(10, 20, [300, 200]), [300, 200]],
  ['extract takes the whole image', [1000, 800], extract(0, 0, [1000, 800]), [1000, 800]],
  ['extract takes the full height when it is not given', [1000, 800], extract(10, 0, [300, 0]), [300, 800]],
  ['extract takes the full width when it is not given', [1000, 800], extract(0, 20, [0, 200]), [1000, 200]],
  ['extract takes everything, wherever it starts, without sizes', [1000, 800], extract(900, 900, [0, 0]), [1000, 800]],

  ['rotate by 90 degrees swaps the sides', [1000, 800], { op: 'rotate', angle: 90 }, [800, 1000]],
  ['rotate by 180 degrees keeps them', [1000, 800], { op: 'rotate', angle: 180 }, [1000, 800]],
  ['rotate by 270 degrees swaps them', [1000, 800], { op: 'rotate', angle: 270 }, [800, 1000]],
  ['blur keeps the size', [70, 50], { op: 'blur', sigma: 3, minAmplitude: 0 }, [70, 50]],
  ['watermark keeps the size', [70, 50], { op: 'watermark', image: aMark, column: 2, row: 2, opacity: 1 }, [70, 50]],
  ['grayscale keeps the size', [70, 50], { op: 'grayscale' }, [70, 50]],
]
