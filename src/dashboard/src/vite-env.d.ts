/// <reference types="vite/types/importMeta.d.ts" />
declare module '*.css';
declare module '*.css?inline' {
  const css: string;
  export default css;
}

/** See vite.map.ts. */
declare module 'virtual:world-map' {
  export const land: string;
  export const borders: string;
  export const middles: Record<string, [number, number]>;
}
