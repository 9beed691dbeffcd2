import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';
import { texts } from './vite.texts.ts';

// One classic script with a stable name, because other sites load it with a script tag.
export default defineConfig({
  plugins: [texts(/^(health|status|paused|expiry|activity|state|signIn\.title)\b/), react()],
  define: { 'process.env.NODE_ENV': '"production"' },
  build: {
    emptyOutDir: false,
    lib: { entry: 'src/widget/element.tsx', formats: ['iife'], name: 'LicenseHealth', fileName: () => 'widget.js' },
  },
});
