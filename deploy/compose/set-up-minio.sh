#!/bin/sh
# Runs once the store answers: buckets, the event notification, and the pictures of /demo. Again is harmless.
set -eu

mc mb --ignore-existing store/media store/media-derivatives
mc event add --ignore-existing --event put,delete store/media arn:minio:sqs::MORTISE:webhook
mc mirror --overwrite /demo store/media
