// Original file: proto/cache/v1/cache.proto

import type { Source as _cache_v1_Source, Source__Output as _cache_v1_Source__Output } from '../../cache/v1/Source.ts';
import type { Long } from '@grpc/proto-loader';

export interface GetResponse {
  'found'?: (boolean);
  'value'?: (Buffer | Uint8Array | string);
  'source'?: (_cache_v1_Source);
  'degraded'?: (boolean);
  'ttlSeconds'?: (number | string | Long);
  'version'?: (string);
}

export interface GetResponse__Output {
  'found': (boolean);
  'value': (Buffer);
  'source': (_cache_v1_Source__Output);
  'degraded': (boolean);
  'ttlSeconds': (number);
  'version': (string);
}
