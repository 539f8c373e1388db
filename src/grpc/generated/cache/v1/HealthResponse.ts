// Original file: proto/cache/v1/cache.proto


export interface HealthResponse {
  'healthy'?: (boolean);
  'redisStatus'?: (string);
  'brokerStatus'?: (string);
  'localCacheEnabled'?: (boolean);
  'degraded'?: (boolean);
}

export interface HealthResponse__Output {
  'healthy': (boolean);
  'redisStatus': (string);
  'brokerStatus': (string);
  'localCacheEnabled': (boolean);
  'degraded': (boolean);
}
