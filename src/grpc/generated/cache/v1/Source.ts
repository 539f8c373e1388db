// Original file: proto/cache/v1/cache.proto

export const Source = {
  SOURCE_UNSPECIFIED: 0,
  SOURCE_REDIS: 1,
  SOURCE_LOCAL: 2,
} as const;

export type Source =
  | 'SOURCE_UNSPECIFIED'
  | 0
  | 'SOURCE_REDIS'
  | 1
  | 'SOURCE_LOCAL'
  | 2

export type Source__Output = typeof Source[keyof typeof Source]
