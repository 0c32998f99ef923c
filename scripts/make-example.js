/**
 * Writes examples/support-tickets.jsonl: a morning's inbox of a shop for outdoor gear, as one batch of chat requests.
 * `node scripts/make-example.js --print` writes it to standard output instead. The same bytes each time.
 *
 * Every message is used once with every kind of work, each time with another order, product and customer.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isEntry, ROOT } from './tools.js';

const TARGET = join(ROOT, 'examples/support-tickets.jsonl');
const MODEL = 'demo-small';
const SEED = 20_260_921;

/**
 * Lines that the simulator of `millrace demo` shall treat in a special way, by their number. Those with a plain status
 * fail; `_once` fails at the first try only. A real model server takes no notice of these words.
 */
const SPECIAL = {
  41: { sim: 'status_400' },
  97: { sim: 'status_404' },
  123: { sim: 'status_500_once', id: 'ticket-0123' },
  158: { sim: 'status_422' },
  233: { sim: 'status_400' },
  287: { sim: 'status_413' },
};

const PRODUCTS = [
  'Alpine 2 tent',
  'Fjord rain jacket',
  'Ridge 45 backpack',
  'Ember camping stove',
  'Moss sleeping bag',
  'Trail Runner GTX shoes',
  'Lumen headlamp',
  'Drift inflatable kayak',
  'Summit trekking poles',
  'Brook water filter',
  'Cairn hammock',
  'Polar down vest',
];
const CUSTOMERS = [
  'Amira Haddad',
  'Jonas Lindqvist',
  'Beatriz Moreno',
  'Tom Okafor',
  'Lucía Fernández',
  'Henrik Vogel',
  'Priya Raman',
  'Chloé Martin',
  'Mateusz Nowak',
  'Sofia Rossi',
  'Daniel Kim',
  'Grace Whitfield',
  'Yuki Tanaka',
  'Owen Gallagher',
];
const CITIES = ['Leeds', 'Bergen', 'Valencia', 'Graz', 'Toronto', 'Lyon', 'Kraków', 'Osaka', 'Cork', 'Turin'];
const DAYS = ['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'last weekend', 'two weeks ago'];
const LANGUAGES = ['German', 'French', 'Spanish', 'Japanese', 'Polish', 'Italian', 'Swedish', 'Dutch'];

const MESSAGES = [
  'Hi, my {product} (order {order}) was due on {day} and tracking has not moved since. Can you find out where it is?',
  'The zip of the {product} broke on the first trip. I would like a replacement, not a repair. Order {order}.',
  'I was charged twice for order {order}: {amount} € and again {amount} €. Please refund one of them today.',
  'Is the {product} allowed in hand luggage? I fly from {city} on {day}.',
  'You sent me the wrong size. I ordered a medium {product} and got an XL. The label says {order}. What now?',
  'Please cancel order {order}. I pressed the button twice by accident, I only want one {product}.',
  'Third time I write!! Nobody answers. My {product} leaks and I am leaving for {city} on {day}. This is not acceptable.',
  'I moved to {city} yesterday. Can order {order} still go to the new address, 14 Mill Lane?',
  'Just wanted to say the {product} survived a week of rain near {city}. Great work, tell the team. {name}',
  'Does the {product} come with a spare part kit, or do I order it by itself? The page says both.',
  'My discount code SPRING15 is refused at the checkout although it is valid until {day}. The basket is {amount} €.',
  'The parcel arrived in {city} open and empty. I took photos. Order {order}, {product}. Who pays for this?',
  'I need an invoice with VAT number for order {order}, made out to {name} Adventures Ltd, {city}.',
  'How do I wash the {product} without ruining the coating? The care label has come off.',
  'Hallo, mein {product} ist am {day} angekommen, aber eine Schnalle fehlt. Bestellung {order}. Viele Grüße, {name}',
  'Bonjour, je souhaite retourner le {product} de la commande {order}. Il est trop lourd pour moi. Merci, {name}',
  'Buenas, llevo diez días esperando el reembolso de {amount} € del pedido {order}. ¿Cuándo llegará?',
  'こんにちは。注文 {order} の {product} がまだ届きません。いつ届きますか。{name}',
  'The return label you mailed me does not print. It is a blank page on two printers. Order {order}.',
  'I returned the {product} on {day} and the tracking says delivered, but my account still shows nothing. {name}',
  'Is it true that the {product} is recalled? I read something about it in a forum in {city}. I use it with my kids.',
  'My account is locked after I mistyped the password. The reset mail never comes, also not to the spam folder.',
  'We are a scout group from {city} and need 22 of the {product}. Is there a group price, and could you deliver by {day}?',
  'The {product} smells of plastic so strongly that I cannot keep it indoors. Is this normal, is it safe?',
  'You promised a call back on {day}. I took the day off for it. Order {order}, and now I want my {amount} € back.',
  'Can I pay for order {order} in three parts? The total is {amount} €.',
  'A pole of my {product} snapped in the wind near {city}. It is 13 months old. Does the warranty cover it?',
  'Please delete my account and every bit of data you hold about me. {name}, {city}.',
  'The courier left the {product} with a neighbour who says he never got it. Order {order}, delivered on {day}.',
  'I love the {product}, but the manual is only in English. Do you have it in Polish for my mother?',
  'When will the {product} be back in stock in green? I have been waiting since {day}.',
  'I got a mail that says I owe you {amount} € for order {order}. I never ordered anything. Is this a scam?',
  'The gift message for order {order} was missing, and the price was on the slip. It was a birthday present. {name}',
  'What is the real weight of the {product}? Two pages of your shop give two numbers, and I count grams.',
  'I would like to exchange the {product} for the larger one and pay the difference. Order {order}.',
  'Your site shows a white page when I open the basket on my phone. It worked on {day}. Nothing wrong with other shops.',
  'Thanks for the quick help on {day}! One more question: can the {product} be repaired in {city} or only sent in?',
  'Why does delivery to {city} cost {amount} € when the {product} itself is on sale? Nobody pays that.',
  'The battery of the {product} gets very hot while charging, I had to take it out with a towel. Order {order}.',
  'Unsubscribe me from the newsletter. I clicked the link four times since {day} and still get two mails a day.',
];

/** What the shop wants of a message. Each takes the message and a source of chance, and gives the rest of the body. */
const KINDS = [
  (message) => ({
    messages: [
      {
        role: 'system',
        content:
          'You sort the inbox of a shop for outdoor gear. Answer with JSON only: ' +
          '{"category": "delivery|returns|billing|product|account|praise", "urgency": 1-5, "language": "xx"}.',
      },
      { role: 'user', content: message },
    ],
    temperature: 0,
    response_format: { type: 'json_object' },
  }),
  (message) => ({
    messages: [
      { role: 'system', content: 'Summarise customer messages for a busy colleague.' },
      { role: 'user', content: `In one sentence of at most 20 words:\n\n${message}` },
    ],
    max_completion_tokens: 60,
  }),
  (message, random) => ({
    messages: [
      { role: 'user', content: `Translate into ${random.pick(LANGUAGES)}, keep names and numbers:\n\n${message}` },
    ],
    temperature: 0.2,
  }),
  (message) => ({
    messages: [
      {
        role: 'system',
        content:
          'Extract data. Answer with JSON only: {"order": string|null, "product": string|null, "amount": number|null}.',
      },
      { role: 'user', content: message },
    ],
    temperature: 0,
    response_format: { type: 'json_object' },
  }),
  (message, random) => ({
    messages: [
      { role: 'system', content: 'You are Robin of customer care. Warm, concrete, no excuses, at most 80 words.' },
      { role: 'user', content: message },
      { role: 'assistant', content: 'Thank you for writing, I am looking into it right now.' },
      {
        role: 'user',
        content: random.pick(['And? I am still waiting.', 'What did you find?', 'How long will it take?']),
      },
    ],
    temperature: 0.7,
    max_completion_tokens: 200,
  }),
  (message) => ({
    messages: [
      {
        role: 'user',
        content: `Should a human see this within the hour? Answer yes or no, then why in ten words.\n\n${message}`,
      },
    ],
    temperature: 0,
    max_completion_tokens: 30,
  }),
  (message) => ({
    messages: [
      {
        role: 'system',
        content: 'Remove personal data: put [NAME], [CITY] and [ORDER] where they stand. Change nothing else.',
      },
      { role: 'user', content: message },
    ],
    temperature: 0,
  }),
  (message) => ({
    messages: [{ role: 'user', content: `Write a subject line of at most six words for this ticket:\n\n${message}` }],
    max_completion_tokens: 20,
  }),
];

function makeExample() {
  const random = makeRandom(SEED);
  const lines = [];
  for (let round = 0; round < KINDS.length; round += 1) {
    MESSAGES.forEach((template, index) => {
      const number = lines.length + 1;
      const kind = KINDS[(index + round) % KINDS.length];
      lines.push({
        custom_id: `ticket-${String(number).padStart(4, '0')}`,
        method: 'POST',
        url: '/v1/chat/completions',
        body: {
          model: MODEL,
          ...kind(fill(template, random), random),
          ...(SPECIAL[number] === undefined ? {} : { metadata: SPECIAL[number] }),
        },
      });
    });
  }
  return lines.map((line) => `${JSON.stringify(line)}\n`).join('');
}

function fill(template, random) {
  const values = {
    order: `HP-${random.between(10_000, 99_999)}`,
    product: random.pick(PRODUCTS),
    name: random.pick(CUSTOMERS),
    city: random.pick(CITIES),
    day: random.pick(DAYS),
    amount: (random.between(900, 48_000) / 100).toFixed(2),
  };
  return template.replaceAll(/\{(\w+)\}/g, (_, name) => values[name]);
}

/** Chance that repeats itself (mulberry32). */
function makeRandom(seed) {
  let state = seed;
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let bits = Math.imul(state ^ (state >>> 15), 1 | state);
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits;
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  };
  const between = (least, most) => least + Math.floor(next() * (most - least + 1));
  return { between, pick: (list) => list[between(0, list.length - 1)] };
}

if (isEntry(import.meta)) {
  if (process.argv.includes('--print')) process.stdout.write(makeExample());
  else writeFileSync(TARGET, makeExample());
}
