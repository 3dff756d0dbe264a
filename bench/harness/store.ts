/** Where a store is, in a form that can be handed to another process. */
export type StoreAddress =
  | { readonly kind: 'redis'; readonly port: number }
  | { readonly kind: 'failover'; readonly port: number; readonly file: string }
  | { readonly kind: 'sqlite'; readonly file: string; readonly durability: 'full' | 'normal' }
  | { readonly kind: 'none' };
