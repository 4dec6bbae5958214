// Saves a figure as the browser shows it, with words below it; all that is known of it is in the
// file: <title> and <desc> of an SVG, the text "Description" of a PNG.

const SIZE = 11, LEADING = 15, MARGIN = 10, SHARPNESS = 3
const NAMESPACE = "http://www.w3.org/2000/svg"

export default function ({ parentElement, data }) {
    const failed = parentElement.querySelector("[role=alert]")
    for (const button of parentElement.querySelectorAll("button")) {
        button.onclick = async () => {
            failed.textContent = ""
            try {
                await save(data, button.value)
            } catch (error) {
                console.error(error)
                failed.textContent = "The figure could not be saved: is it in sight already?"
            }
        }
    }
}

async function save({ key, name, words, description }, format) {
    // As Streamlit makes a class of a key.
    const place = `.st-key-${key.replace(/[^a-zA-Z0-9_-]/g, "-")}`
    const drawn = document.querySelector(`${place} .js-plotly-plot`)
    const size = { width: drawn.offsetWidth, height: drawn.offsetHeight }
    const asked = { format: "svg", imageDataOnly: true, ...size }
    const svg = caption(await window.Plotly.toImage(vectors(drawn), asked), drawn, words, description)
    const picture = new Blob([svg], { type: "image/svg+xml" })
    const file = format === "svg" ? picture : described(await pixels(picture), description)
    const link = document.createElement("a")
    link.href = URL.createObjectURL(file)
    link.download = `${name}.${format}`
    link.click()
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000)
}

// What a browser draws as one picture, to be quick, is saved dot by dot.
function vectors({ data, layout }) {
    const dots = (trace) => (trace.type === "scattergl" ? { ...trace, type: "scatter" } : trace)
    return { data: data.map(dots), layout }
}

function caption(svg, drawn, words, description) {
    const page = new DOMParser().parseFromString(svg, "image/svg+xml")
    const root = page.documentElement, { font } = drawn._fullLayout
    const width = drawn.offsetWidth, top = drawn.offsetHeight
    const lines = wrapped(words, width - 2 * MARGIN, `${SIZE}px ${font.family}`)
    // Titles reach above the figure by a few pixels.
    const height = MARGIN + top + lines.length * LEADING + MARGIN
    const add = (name, text, attributes, before = null) => {
        const part = page.createElementNS(NAMESPACE, name)
        for (const [key, value] of Object.entries(attributes)) part.setAttribute(key, value)
        part.textContent = text
        root.insertBefore(part, before)
    }
    root.setAttribute("height", height)
    root.setAttribute("viewBox", `0 ${-MARGIN} ${width} ${height}`)
    const first = root.firstChild
    add("title", words, {}, first)
    add("desc", description, {}, first)
    const fill = drawn._fullLayout.paper_bgcolor
    add("rect", "", { y: -MARGIN, width, height, fill }, first)
    const look = { "font-family": font.family, "font-size": SIZE, fill: font.color }
    lines.forEach((line, at) => {
        add("text", line, { x: MARGIN, y: top + at * LEADING + SIZE, opacity: 0.8, ...look })
    })
    return new XMLSerializer().serializeToString(page)
}

function wrapped(words, width, font) {
    const pen = document.createElement("canvas").getContext("2d")
    pen.font = font
    const lines = [""]
    for (const word of words.split(" ")) {
        const longer = `${lines.at(-1)} ${word}`.trim()
        if (pen.measureText(longer).width > width) lines.push(word)
        else lines[lines.length - 1] = longer
    }
    return lines
}

async function pixels(svg) {
    const image = new Image(), canvas = document.createElement("canvas")
    image.src = URL.createObjectURL(svg)
    await image.decode()
    canvas.width = SHARPNESS * image.naturalWidth
    canvas.height = SHARPNESS * image.naturalHeight
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height)
    URL.revokeObjectURL(image.src)
    const made = await new Promise((done) => canvas.toBlob(done, "image/png"))
    return new Uint8Array(await made.arrayBuffer())
}

// A chunk iTXt after the header's, which is always 33 bytes long (PNG 3rd edition, 5.3, 11.3.3.4).
function described(png, description) {
    const encode = (text) => new TextEncoder().encode(text)
    const content = [...encode("iTXtDescription\0\0\0\0\0"), ...encode(description)]
    const number = (value) => [24, 16, 8, 0].map((shift) => (value >>> shift) & 255)
    const chunk = [...number(content.length - 4), ...content, ...number(checksum(content))]
    return new Blob([png.slice(0, 33), new Uint8Array(chunk), png.slice(33)], { type: "image/png" })
}

// CRC-32 as PNG defines it (annex D).
function checksum(bytes) {
    let rest = ~0
    for (const byte of bytes) {
        rest ^= byte
        for (let bit = 0; bit < 8; bit++) rest = (rest >>> 1) ^ (rest & 1 ? 0xedb88320 : 0)
    }
    return ~rest
}
