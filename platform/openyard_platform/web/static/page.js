// What a page does better with a script. Everything works without it.

document.documentElement.classList.add("js");

for (const element of document.querySelectorAll("[data-focus]")) element.focus();

// Plus and minus beside a number.
for (const counter of document.querySelectorAll("[data-counter]")) {
  const input = counter.querySelector("input");
  for (const button of counter.querySelectorAll("[data-step]")) {
    button.addEventListener("click", () => {
      const value = (Number.parseInt(input.value, 10) || 0) + Number(button.dataset.step);
      input.value = Math.min(Math.max(value, Number(input.min)), Number(input.max));
      input.dispatchEvent(new Event("input", { bubbles: true }));
    });
  }
}

// Copy the address of a calendar.
for (const box of document.querySelectorAll("[data-copy]")) {
  const input = box.querySelector("input");
  const status = box.parentElement.querySelector("[data-copy-status]");
  box.querySelector("[data-copy-button]").addEventListener("click", async () => {
    input.select();
    let copied = false;
    try {
      await navigator.clipboard.writeText(input.value);
      copied = true;
    } catch {
      copied = document.execCommand("copy"); // pages without https have no clipboard
    }
    status.textContent = copied ? "已复制。" : "请长按地址，选择“复制”。";
  });
}

// The form that asks for seats.
const form = document.querySelector("[data-reserve]");
if (form) {
  const seats = form.elements.seats;
  const adults = form.elements.adults;
  const group = form.querySelector("[data-group]");
  const submit = form.querySelector("[data-submit]");

  // Where each child is chosen, there is no number to type.
  const party = () =>
    seats ? Number(seats.value) : form.querySelectorAll("[name=children]:checked").length;
  const needAdults = () => {
    const per = Number(adults?.dataset.per);
    if (per) adults.value = Math.max(Number(adults.value), Math.ceil(party() / per));
  };
  seats?.addEventListener("input", needAdults);
  form.addEventListener("change", (event) => {
    if (event.target.name === "children") {
      const ticked = form.querySelectorAll("[name=children]:checked").length;
      if (seats) seats.value = Math.max(Number(seats.value), ticked);
      needAdults();
    }
    if (event.target === group && group.value) {
      const chosen = group.selectedOptions[0].dataset;
      seats.value = chosen.size;
      if (adults) adults.value = chosen.adults;
      needAdults();
    }
  });
  form.addEventListener("submit", () => {
    // After the browser has collected the form, so that nothing is missing from it.
    setTimeout(() => {
      submit.disabled = true;
      submit.textContent = "正在提交…";
    });
  });
  // Back from the next page: the form must work again.
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) window.location.reload();
  });

  if (form.dataset.opens) countDown(form, submit);
}

function countDown(waiting, submit) {
  const words = submit.textContent;
  // The server's clock decides, not the phone's.
  const ahead = Date.parse(waiting.dataset.now) - Date.now();
  const opens = Date.parse(waiting.dataset.opens);
  const note = waiting.querySelector("[data-countdown]");
  const timer = setInterval(tick, 250);
  tick();

  function tick() {
    const left = Math.ceil((opens - Date.now() - ahead) / 1000);
    if (left <= 0) {
      clearInterval(timer);
      submit.disabled = false;
      submit.textContent = words;
      note.textContent = "开始预约了，请按下面的按钮。";
      return;
    }
    submit.disabled = true;
    submit.textContent = left > 86400 ? "还没开始预约" : `${inWords(left)}后开始`;
  }
}

// Until when seats are held: the page says it, and counts on while it is looked at.
for (const until of document.querySelectorAll("[data-until]")) {
  const ahead = Date.parse(until.dataset.now) - Date.now();
  const end = Date.parse(until.dataset.until);
  setInterval(() => {
    const left = Math.floor((end - Date.now() - ahead) / 1000);
    if (left >= 172800) return;
    until.textContent = left > 0 ? `还剩 ${inWords(left)}` : "已到期限";
  }, 1000);
}

function inWords(seconds) {
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor((seconds % 3600) / 60);
  if (hours) return `${hours} 小时 ${minutes} 分`;
  return minutes ? `${minutes} 分 ${seconds % 60} 秒` : `${seconds} 秒`;
}

// Seats as they go, while the page is looked at.
const live = document.querySelector("[data-live]");
if (live) watch(live);

function watch(panel) {
  const part = (name) => panel.querySelector(`[data-${name}]`);
  const pulse = part("pulse");
  let source = null;
  let polling = null;

  function show(told) {
    const remaining = told.remaining;
    part("remaining").textContent = remaining;
    part("remaining").className =
      `live-number ${remaining === 0 ? "none" : remaining <= 5 ? "few" : ""}`;
    part("capacity").textContent = told.capacity;
    part("progress").max = told.capacity;
    part("progress").value = told.capacity - remaining;
    if (told.status === "withdrawn") part("waiting").textContent = "场馆已取消这一场";
    else if (told.waiting) part("waiting").textContent = `${told.waiting} 组在候补`;
    else part("waiting").textContent = "余位实时更新";
  }

  function open() {
    close();
    source = new EventSource(panel.dataset.live);
    const heard = (event) => {
      pulse.classList.add("on");
      show(JSON.parse(event.data));
    };
    source.addEventListener("snapshot", heard);
    source.addEventListener("update", heard);
    source.addEventListener("error", () => {
      pulse.classList.remove("on");
      // Refused for good (too many readers): ask now and then instead.
      if (source.readyState === EventSource.CLOSED) polling ??= setInterval(poll, 20000);
    });
  }

  async function poll() {
    const response = await fetch(panel.dataset.poll);
    if (!response.ok) return;
    const slot = await response.json();
    show({ ...slot, status: slot.state });
  }

  function close() {
    source?.close();
    clearInterval(polling);
    polling = null;
    pulse.classList.remove("on");
  }

  // A page nobody looks at needs no seats; back in sight it gets a fresh snapshot.
  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  window.addEventListener("pagehide", close);
  if (!document.hidden) open();
}
