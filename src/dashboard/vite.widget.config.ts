import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

// One classic script with a stable name, because other sites load it with a script tag.
export default defineConfig({
  plugins: [react()],
  define: { 'process.env.NODE_ENV': '"production"' },
  build: {
    emptyOutDir: false,
    lib: { entry: 'src/widget/element.tsx', formats: ['iife'], name: 'LicenseHealth', fileName: () => 'widget.js' },
  },
});
