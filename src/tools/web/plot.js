// plot: lines over time on a canvas. Draws at most once a frame, in the colours of the style sheet.

const BOTTOM = 20;
const TOP = 8;
const RIGHT = 4;
const GAP = 6; // between a label and the lines

// "50.0 Mbit/s" is "50 Mbit/s" on an axis.
const shortened = (text) => text.replace(/(\.\d*?)0+ /, (_, part) => `${part === "." ? "" : part} `);

// The next round number: 1, 2 or 5 times a power of ten, or a power of two for bytes.
function niceCeiling(v, binary) {
	if (!(v > 0)) return 1;
	if (binary) return 2 ** Math.ceil(Math.log2(v));
	const power = 10 ** Math.floor(Math.log10(v));
	return [1, 2, 5, 10].map((f) => f * power).find((n) => n >= v);
}

export class Plot {
	// seconds: of the time axis; format: of the value axis, which reaches to `least` at least; binary: it counts bytes; rolling: the
	// newest is at the right edge; empty: what is said where nothing is drawn.
	constructor(canvas, { lines, seconds, format, least, rolling = true, binary = false, empty = "no data", label }) {
		this.canvas = canvas;
		this.lines = lines.map((name) => ({ name, points: [] }));
		this.seconds = seconds;
		this.format = format;
		this.rolling = rolling;
		this.binary = binary;
		this.least = least;
		this.empty = empty;
		this.label = label;
		this.waiting = false;
		new ResizeObserver(() => this.redraw()).observe(canvas);
		matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.redraw());
	}

	clear(seconds = this.seconds) {
		this.seconds = seconds;
		for (const line of this.lines) line.points = [];
		this.canvas.setAttribute("aria-label", `${this.label}: ${this.empty}`);
		this.redraw();
	}

	// time in seconds; one value for each line, undefined for none.
	add(time, ...values) {
		this.lines.forEach((line, i) => {
			if (values[i] !== undefined && Number.isFinite(values[i])) line.points.push([time, values[i]]);
			if (this.rolling) while (line.points.length > 2 && line.points[1][0] < time - this.seconds) line.points.shift();
		});
		const last = this.lines.map((line, i) => `${line.name} ${values[i] === undefined ? "–" : this.format(values[i])}`);
		this.canvas.setAttribute("aria-label", `${this.label}: ${last.join(", ")}`);
		this.redraw();
	}

	redraw() {
		if (this.waiting) return;
		this.waiting = true;
		requestAnimationFrame(() => {
			this.waiting = false;
			this.draw();
		});
	}

	draw() {
		const { canvas } = this;
		const ratio = devicePixelRatio || 1;
		const width = canvas.clientWidth;
		const height = canvas.clientHeight;
		if (!width || !height) return;
		canvas.width = Math.round(width * ratio);
		canvas.height = Math.round(height * ratio);
		const g = canvas.getContext("2d");
		g.scale(ratio, ratio);
		const style = getComputedStyle(canvas);
		const color = (name) => style.getPropertyValue(name).trim();
		g.font = `${style.fontSize} ${style.fontFamily}`;
		const all = this.lines.flatMap((line) => line.points);
		const top = niceCeiling(Math.max(this.least, Math.max(0, ...all.map((p) => p[1])) * 1.05), this.binary);
		const labels = [0, 0.5, 1].map((part) => [top * part, part === 0 ? "0" : shortened(this.format(top * part))]);
		const left = Math.ceil(Math.max(...labels.map(([, text]) => g.measureText(text).width))) + GAP;
		const newest = Math.max(0, ...all.map((p) => p[0]));
		const span = this.rolling ? this.seconds : Math.max(this.seconds, newest);
		const from = this.rolling ? newest - span : 0;
		const area = {
			g, color, width, height, left,
			x: (t) => left + ((t - from) / span) * (width - left - RIGHT),
			y: (v) => height - BOTTOM - (v / top) * (height - BOTTOM - TOP),
		};
		this.drawAxes(area, labels);
		if (all.length > 0) this.drawLines(area);
		else this.drawEmpty(area);
	}

	drawAxes({ g, color, width, height, left, y }, labels) {
		g.fillStyle = color("--soft");
		g.strokeStyle = color("--grid");
		g.lineWidth = 1;
		g.textAlign = "right";
		g.textBaseline = "middle";
		for (const [value, text] of labels) {
			g.beginPath();
			g.moveTo(left, Math.round(y(value)) + 0.5);
			g.lineTo(width - RIGHT, Math.round(y(value)) + 0.5);
			g.stroke();
			g.fillText(text, left - GAP, y(value));
		}
		g.textBaseline = "alphabetic";
		g.fillText(this.rolling ? "now" : `${this.seconds} s`, width - RIGHT, height - 4);
		g.textAlign = "left";
		g.fillText(this.rolling ? `${this.seconds} s ago` : "0 s", left, height - 4);
	}

	drawEmpty({ g, width, height, left }) {
		g.textAlign = "center";
		g.textBaseline = "middle";
		g.fillText(this.empty, (left + width - RIGHT) / 2, TOP + (height - BOTTOM - TOP) / 4);
	}

	drawLines({ g, color, width, height, left, x, y }) {
		g.save();
		g.beginPath();
		g.rect(left, 0, width - left, height - BOTTOM + 2);
		g.clip();
		g.lineJoin = "round";
		g.lineWidth = 2;
		this.lines.forEach((line, i) => {
			if (line.points.length === 0) return;
			g.strokeStyle = color(`--series-${i + 1}`);
			g.setLineDash(i === 1 ? [6, 3] : []);
			g.beginPath();
			line.points.forEach(([t, v], n) => (n === 0 ? g.moveTo(x(t), y(v)) : g.lineTo(x(t), y(v))));
			g.stroke();
		});
		g.restore();
	}
}
