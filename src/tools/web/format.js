// format: numbers for people, and elements made without a word of HTML.

export function bytes(n) {
	const units = ["B", "KiB", "MiB", "GiB", "TiB"];
	let i = 0;
	for (; n >= 1024 && i < units.length - 1; i++) n /= 1024;
	return `${i === 0 || n >= 100 ? Math.round(n) : n.toFixed(1)} ${units[i]}`;
}

// Bits a second.
export function rate(n) {
	const units = ["bit/s", "kbit/s", "Mbit/s", "Gbit/s"];
	let i = 0;
	for (; n >= 1000 && i < units.length - 1; i++) n /= 1000;
	return `${i === 0 || n >= 100 ? Math.round(n) : n.toFixed(1)} ${units[i]}`;
}

export function ms(n) {
	if (n >= 10000) return `${(n / 1000).toFixed(1)} s`;
	return n === undefined || n < 0 ? "–" : n === 0 ? "0 ms" : `${n < 10 ? n.toFixed(2) : n < 100 ? n.toFixed(1) : Math.round(n)} ms`;
}

// A time that passed, in seconds.
export function took(seconds) {
	return seconds < 1 ? ms(seconds * 1000) : `${seconds.toFixed(1)} s`;
}

export function count(n, word) {
	return `${n} ${word}${n === 1 ? "" : "s"}`;
}

export function byId(id) {
	return document.getElementById(id);
}

// Screen readers say what is set anew, so the same text is not.
export function setText(id, text) {
	const e = byId(id);
	if (e.textContent !== text) e.textContent = text;
}

// What others wrote goes in as text, never as HTML.
export function element(tag, attributes = {}, ...children) {
	const e = document.createElement(tag);
	for (const [name, value] of Object.entries(attributes)) {
		if (name in e && typeof value !== "string") e[name] = value;
		else e.setAttribute(name, value);
	}
	e.append(...children);
	return e;
}

// The newest line of a list stays in view, whatever the size of the list becomes, unless somebody scrolled up.
const scrolledUp = new WeakSet();

export function followEnd(list) {
	list.addEventListener("scroll", () => {
		if (list.scrollHeight - list.scrollTop - list.clientHeight < 30) scrolledUp.delete(list);
		else scrolledUp.add(list);
	});
	new ResizeObserver(() => toEnd(list)).observe(list);
}

function toEnd(list) {
	if (!scrolledUp.has(list)) list.scrollTop = list.scrollHeight;
}

// Old lines go.
export function appendLine(list, item, limit = 300) {
	list.append(item);
	while (list.childElementCount > limit) list.firstElementChild.remove();
	toEnd(list);
}
