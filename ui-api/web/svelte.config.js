/** @type {import('@sveltejs/vite-plugin-svelte').SvelteConfig} */
export default {
  compilerOptions: {
    runes: true,
    // From the styles alone, so that the build does not depend on the folder it happens in.
    cssHash: ({ hash, css }) => `l-${hash(css)}`,
  },
};
