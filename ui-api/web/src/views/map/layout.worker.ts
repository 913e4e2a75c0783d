import { layout, type LayoutInput } from './layout';

// A new question replaces one that waits: whoever asks looks at the last answer only.
addEventListener('message', (event: MessageEvent<{ id: number; input: LayoutInput }>) => {
  postMessage({ id: event.data.id, placed: layout(event.data.input) });
});
