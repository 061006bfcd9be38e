/** That it is there is all there is to say. */
export function headBucket(): Response {
  return new Response(null, { headers: { 'content-type': 'application/xml', 'x-amz-bucket-region': 'mort' } })
}
