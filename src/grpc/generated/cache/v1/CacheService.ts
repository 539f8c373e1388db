// Original file: proto/cache/v1/cache.proto

import type { MethodDefinition } from '@grpc/proto-loader'
import type { BatchGetRequest as _cache_v1_BatchGetRequest, BatchGetRequest__Output as _cache_v1_BatchGetRequest__Output } from '../../cache/v1/BatchGetRequest.ts';
import type { BatchGetResponse as _cache_v1_BatchGetResponse, BatchGetResponse__Output as _cache_v1_BatchGetResponse__Output } from '../../cache/v1/BatchGetResponse.ts';
import type { BatchSetRequest as _cache_v1_BatchSetRequest, BatchSetRequest__Output as _cache_v1_BatchSetRequest__Output } from '../../cache/v1/BatchSetRequest.ts';
import type { BatchSetResponse as _cache_v1_BatchSetResponse, BatchSetResponse__Output as _cache_v1_BatchSetResponse__Output } from '../../cache/v1/BatchSetResponse.ts';
import type { DeleteRequest as _cache_v1_DeleteRequest, DeleteRequest__Output as _cache_v1_DeleteRequest__Output } from '../../cache/v1/DeleteRequest.ts';
import type { DeleteResponse as _cache_v1_DeleteResponse, DeleteResponse__Output as _cache_v1_DeleteResponse__Output } from '../../cache/v1/DeleteResponse.ts';
import type { GetRequest as _cache_v1_GetRequest, GetRequest__Output as _cache_v1_GetRequest__Output } from '../../cache/v1/GetRequest.ts';
import type { GetResponse as _cache_v1_GetResponse, GetResponse__Output as _cache_v1_GetResponse__Output } from '../../cache/v1/GetResponse.ts';
import type { HealthRequest as _cache_v1_HealthRequest, HealthRequest__Output as _cache_v1_HealthRequest__Output } from '../../cache/v1/HealthRequest.ts';
import type { HealthResponse as _cache_v1_HealthResponse, HealthResponse__Output as _cache_v1_HealthResponse__Output } from '../../cache/v1/HealthResponse.ts';
import type { SetRequest as _cache_v1_SetRequest, SetRequest__Output as _cache_v1_SetRequest__Output } from '../../cache/v1/SetRequest.ts';
import type { SetResponse as _cache_v1_SetResponse, SetResponse__Output as _cache_v1_SetResponse__Output } from '../../cache/v1/SetResponse.ts';

export interface CacheServiceDefinition {
  BatchGet: MethodDefinition<_cache_v1_BatchGetRequest, _cache_v1_BatchGetResponse, _cache_v1_BatchGetRequest__Output, _cache_v1_BatchGetResponse__Output>
  BatchSet: MethodDefinition<_cache_v1_BatchSetRequest, _cache_v1_BatchSetResponse, _cache_v1_BatchSetRequest__Output, _cache_v1_BatchSetResponse__Output>
  Delete: MethodDefinition<_cache_v1_DeleteRequest, _cache_v1_DeleteResponse, _cache_v1_DeleteRequest__Output, _cache_v1_DeleteResponse__Output>
  Get: MethodDefinition<_cache_v1_GetRequest, _cache_v1_GetResponse, _cache_v1_GetRequest__Output, _cache_v1_GetResponse__Output>
  Health: MethodDefinition<_cache_v1_HealthRequest, _cache_v1_HealthResponse, _cache_v1_HealthRequest__Output, _cache_v1_HealthResponse__Output>
  Set: MethodDefinition<_cache_v1_SetRequest, _cache_v1_SetResponse, _cache_v1_SetRequest__Output, _cache_v1_SetResponse__Output>
}
