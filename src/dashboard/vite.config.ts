import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';
import { worldMap } from './vite.map.ts';
import { texts } from './vite.texts.ts';

export default defineConfig({
  base: '/app/',
  plugins: [texts(), worldMap(), react()],
  build: {
    // The polyfill serves browsers without modulepreload. It uses fetch, which the policy's connect-src may forbid.
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
  },
  server: { proxy: { '/api': 'http://127.0.0.1:7071', '/app/config.json': 'http://127.0.0.1:7071', '/app/demo': 'http://127.0.0.1:7071' } },
});
