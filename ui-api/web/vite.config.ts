import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vite';

// `LANEWAY_HTTP=127.0.0.1:16686 npm run dev` develops against a running server.
const server = `http://${process.env.LANEWAY_HTTP ?? '127.0.0.1:16686'}`;

export default defineConfig({
  plugins: [svelte()],
  build: {
    target: 'es2022',
    // Inlined files would need `data:` in the content security policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    sourcemap: false,
    emptyOutDir: true,
  },
  worker: { format: 'es' },
  server: {
    host: '127.0.0.1',
    proxy: { '/api': server, '/metrics': server, '/readyz': server, '/healthz': server },
  },
  preview: {
    host: '127.0.0.1',
    proxy: { '/api': server, '/metrics': server, '/readyz': server, '/healthz': server },
  },
});
