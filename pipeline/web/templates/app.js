// The pages work with plain links and forms; this sends videos, follows jobs, and renews a part of a page in its place.
'use strict';

const ask = async (method, path, body) => {
  const headers = {'x-gait': '1', ...(body === undefined ? {} : {'content-type': 'application/json'})};
  const answer = await fetch(path, {method, headers, body: body === undefined ? undefined : JSON.stringify(body)});
  const tree = await answer.json().catch(() => ({error: 'The server did not answer. Load the page again.'}));
  if (!answer.ok) throw new Error(tree.error || 'Not done.');
  return tree;
};

const tell = (place, words, problem) => {
  place.textContent = words;
  place.className = `said notice ${problem ? 'problem' : 'good'}`;
};

// Parts of a page as the server has them now.
const renew = async (address, ...parts) => {
  const answer = await fetch(address);
  const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
  for (const part of parts) {
    const [old, now] = [document.querySelector(part), page.querySelector(part)];
    if (old && now) old.replaceWith(now);
  }
};

const make = (kind, words, more = {}) => Object.assign(document.createElement(kind), {textContent: words}, more);

// Uploads: each file is sent when it is chosen, and the list says how far it is.
const send = (file, bar) => new Promise((done, fail) => {
  const request = new XMLHttpRequest();
  request.open('POST', `/api/uploads?name=${encodeURIComponent(file.name)}`);
  request.setRequestHeader('x-gait', '1');
  request.upload.onprogress = (event) => { bar.value = event.loaded / event.total; };
  request.onload = () => {
    let tree = {};
    try { tree = JSON.parse(request.responseText); } catch { /* said below */ }
    if (request.status === 200) done(tree); else fail(new Error(tree.error || request.responseText || 'Not sent.'));
  };
  request.onerror = () => fail(new Error(`${file.name}: the connection broke. Upload it again.`));
  bar.request = request;
  request.send(file);
});

const take = async (block, file) => {
  const item = make('li', ''), bar = make('progress', '', {max: 1, value: 0, ariaLabel: `Sending ${file.name}`});
  const drop = make('button', 'Remove', {type: 'button', className: 'small-button', ariaLabel: `Remove ${file.name}`});
  item.dataset.row = '';
  drop.onclick = () => bar.request?.abort();
  drop.dataset.remove = '';
  item.append(make('span', file.name), bar, drop);
  block.querySelector('.files').append(item);
  try {
    const sent = await send(file, bar);
    item.dataset.id = drop.dataset.remove = sent.id;
    item.dataset.name = sent.name;
    bar.remove();
    block.dispatchEvent(new Event('change', {bubbles: true}));
  } catch (error) {
    bar.remove();
    item.append(make('p', error.message, {className: 'notice problem'}));
  }
};

// What was sent goes for good, whether it has just come or lies in the list.
document.addEventListener('click', (event) => {
  const {remove} = event.target.dataset ?? {}, row = event.target.closest?.('[data-row]');
  if (remove === undefined) return;
  if (remove) ask('DELETE', `/api/uploads/${remove}`).catch(() => {});
  const place = row.parentElement;
  row.remove();
  place.dispatchEvent(new Event('change', {bubbles: true}));
});

document.addEventListener('change', (event) => {
  const block = event.target.closest?.('[data-upload]'), files = event.target.files;
  if (block && files?.length) {
    if (!event.target.multiple) block.querySelectorAll('.files button').forEach((drop) => drop.click());
    [...files].forEach((file) => take(block, file));
    event.target.value = '';
  }
  if (event.target.name === 'known_from')
    document.querySelector('[data-known]').hidden = event.target.value === 'enrolled';
  if (event.target.dataset?.submits !== undefined) {
    const form = event.target.form;
    form.querySelectorAll('[name=one], [name=other]').forEach((field) => { field.disabled = true; });
    form.requestSubmit();
  }
  if (event.target.closest?.('#enrol')) ask_names(document.querySelector('#enrol'));
});

// Several clips are of one person each: whose?
const clips_of = (form, name) => [
  ...[...form.querySelectorAll(`[data-upload=${name}] [data-id]`)].map((item) => [item.dataset.id, item.dataset.name]),
  ...[...form.querySelectorAll(`input[name=${name}]:checked`)].map((box) => [box.value, box.parentElement.innerText.trim()]),
];

const ask_names = (form) => {
  const clips = clips_of(form, 'clips'), place = form.querySelector('.names');
  const before = Object.fromEntries([...place.querySelectorAll('input')].map((field) => [field.dataset.clip, field.value]));
  place.querySelectorAll('label').forEach((label) => label.remove());
  form.querySelector('[data-one]').hidden = clips.length > 1;
  place.hidden = clips.length < 2;
  if (clips.length > 1)
    for (const [id, name] of clips) {
      const label = make('label', name), guess = name.split('/').pop().replace(/\.\w+$/, '');
      const field = make('input', '', {value: before[id] ?? guess, required: true, maxLength: 200});
      field.dataset.clip = id;
      label.append(field);
      place.append(label);
    }
};

const body_of = (form) => {
  const field = (name) => form.elements[name]?.value?.trim() || '';
  const more = {profile: field('profile')};
  if (form.id === 'enrol') {
    const named = Object.fromEntries([...form.querySelectorAll('.names input')].map((one) => [one.dataset.clip, one.value]));
    const clips = Object.fromEntries(clips_of(form, 'clips').map(([id]) => [id, named[id] || '']));
    const names = Object.keys(clips).length > 1 ? '' : field('names');
    return {...more, clips, names, consent: field('consent'), expires: field('expires'), merge: form.elements.merge.checked};
  }
  const probes = clips_of(form, 'probes').map(([id]) => id), blur_faces = form.elements.blur_faces.checked;
  if (field('known_from') === 'enrolled') return {...more, probes, blur_faces, gallery: null};
  const gallery = form.querySelector('[data-upload=gallery] [data-id]')?.dataset.id || field('gallery');
  if (!gallery) throw new Error('no gallery: upload or choose the video of the known people.');
  return {...more, probes, blur_faces, gallery};
};

// Jobs: the state comes as server-sent events; a page that is opened again goes on with it.
const KINDS = {waiting: 'Waiting.', working: 'Working.', done: 'Done.', stopped: 'Stopped.', refused: 'Not done.'};

const show = (status, job) => {
  status.className = `status ${job.state}`;
  status.querySelector('b').textContent = KINDS[job.state];
  status.querySelector('p span').textContent = job.words;
  status.querySelector('.stages').replaceChildren(...(job.state === 'working' ? job.stages : []).map((stage) => {
    const item = make('li', '', {className: stage.ended ? 'ended' : ''});
    const bar = make('progress', '', {max: 1, ariaLabel: stage.name});
    if (stage.ended) bar.value = 1; else if (stage.total) bar.value = Math.min(stage.done / stage.total, 1);
    const of = stage.total && !stage.ended ? ` of ${stage.total}` : '';
    item.append(make('span', stage.name), bar, make('span', `${stage.done}${of} ${stage.unit}`, {className: 'number'}));
    return item;
  }));
  status.querySelector('.notes').replaceChildren(...(job.state === 'done' ? [] : job.notes).map((note) => {
    const line = make('p', ` ${note}`, {className: 'notice'});
    line.prepend(make('b', 'Note:'));
    return line;
  }));
};

const follow = (form, id) => {
  const status = document.getElementById(form.dataset.status);
  const [start, stop] = [form.querySelector('.primary'), form.querySelector('[data-stop]')];
  const free = (ended) => { start.disabled = !ended; stop.disabled = ended; };
  free(false);
  stop.onclick = () => ask('DELETE', `/api/jobs/${id}`).catch(() => {});
  const events = new EventSource(`/api/jobs/${id}/events`);
  events.onmessage = async (event) => {
    const job = JSON.parse(event.data);
    const ended = job.state !== 'waiting' && job.state !== 'working';
    if (ended) events.close();
    if (ended) await renew(form.dataset.page, '#answers', '#people');
    show(status, job);
    if (ended) free(true);
  };
  events.onerror = () => {
    if (events.readyState === EventSource.CLOSED) {
      show(status, {state: 'refused', words: 'The server has gone. Load the page again.', stages: [], notes: []});
      free(true);
    }
  };
};

document.addEventListener('submit', async (event) => {
  const form = event.target, data = form.dataset;
  if (data.jobTo) {
    event.preventDefault();
    const status = document.getElementById(data.status), start = form.querySelector('.primary');
    start.disabled = true;
    try {
      if (form.querySelector('.files progress')) throw new Error('a video is still on its way: wait until it is there.');
      follow(form, (await ask('POST', data.jobTo, body_of(form))).id);
    } catch (error) {
      show(status, {state: 'refused', words: error.message, stages: [], notes: []});
      start.disabled = false;
    }
  } else if (data.review) {
    event.preventDefault();
    const run = form.closest('[data-run]').dataset.run, who = form.elements.who?.value ?? null;
    const said = data.review === 'right' ? {right: [data.track]} : {[data.review]: {[data.track]: who || null}};
    await act(form, 'POST', `/api/runs/${encodeURIComponent(run)}/review`, said, `/runs/${encodeURIComponent(run)}`, '#answers', '#told');
  } else if (data.to) {
    event.preventDefault();
    const run = form.closest('[data-run]')?.dataset.run;
    const page = run ? `/runs/${encodeURIComponent(run)}` : location.href;
    let body = data.body ? JSON.parse(data.body) : undefined;
    if (data.named) body = {names: {[data.named]: form.elements.name.value}};
    else if (form.elements.name) body = {name: form.elements.name.value};
    await act(form, data.method, data.to, body, page, data.then, run ? '#told' : data.then === '#people' ? '#said' : '.said');
  }
});

const act = async (form, method, to, body, page, then, place) => {
  const buttons = [...form.querySelectorAll('button')];
  form.closest('[popover]')?.hidePopover();
  buttons.forEach((button) => { button.disabled = true; });
  const own = () => (form.isConnected && form.querySelector('.said')) || document.querySelector(place);
  try {
    if (own()) tell(own(), 'Working …', false);
    const said = (await ask(method, to, body)).said;
    if (then === 'reload') { location.reload(); return; }
    await renew(page, then);
    if (said && document.querySelector(place)) tell(document.querySelector(place), said, false);
  } catch (error) {
    tell(own(), error.message, true);
  }
  buttons.forEach((button) => { button.disabled = false; });
};

document.querySelectorAll('form[data-status]').forEach((form) => {
  const status = document.getElementById(form.dataset.status), {job, state} = status.dataset;
  if (state === 'waiting' || state === 'working') follow(form, job);
});
