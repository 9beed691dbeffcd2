// Reads the electronic invoices of samples/, which UblInvoiceTests writes, into the model of EN 16931 of @e-invoice-eu/core. Its schema
// refuses unknown terms and codes and missing ones. Then the library writes the model as UBL: both files must be equal, in order, too.
// UblRulesTests checks the business rules, such as those about sums.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { InvoiceService, invoiceSchema } from '@e-invoice-eu/core';
import { create } from 'xmlbuilder2';

const folder = new URL('samples/', import.meta.url);
const samples = readdirSync(folder).map((file) => [file, readFileSync(new URL(file, folder), 'utf8')]);
const silent = { log() {}, warn() {}, error() {} };

const elements = (node) => [...node.childNodes].filter((child) => child.nodeType === 1);
const attributes = (node) => [...node.attributes].filter(({ name }) => !name.startsWith('xmlns'));

/** The library's model has the names of invoices for credit notes, too. */
const nameOf = (node) =>
  node.nodeName
    .replace(/CreditNoteTypeCode$/, 'InvoiceTypeCode')
    .replace(/CreditNoteLine$/, 'InvoiceLine')
    .replace(/CreditedQuantity$/, 'InvoicedQuantity');

function toModel(node, schema) {
  const model = {};
  for (const child of elements(node)) {
    const name = nameOf(child);
    const known = schema?.properties?.[name];
    const value = elements(child).length > 0 ? toModel(child, known?.type === 'array' ? known.items : known) : child.textContent;
    if (known?.type === 'array') (model[name] ??= []).push(value);
    else model[name] = value;
    for (const { name: attribute, value: text } of attributes(child)) model[`${name}@${attribute}`] = text;
  }
  return model;
}

/** Each element with its path, its attributes and its text, in the order of the document. */
const flat = (node, path = '') =>
  elements(node).flatMap((child) => {
    const here = `${path}/${child.nodeName}`;
    const names = attributes(child).map(({ name, value }) => `@${name}=${value}`);
    return elements(child).length > 0 ? flat(child, here) : [[here, ...names, child.textContent].join(' ')];
  });

/** The library requires what Peppol requires in addition to EN 16931: electronic addresses of both sides. */
const withAddresses = ({ 'ubl:Invoice': invoice }) => {
  const address = { 'cbc:EndpointID': 'somebody@example.com', 'cbc:EndpointID@schemeID': 'EM' };
  const party = (of) => ({ 'cac:Party': { ...address, ...invoice[of]['cac:Party'] } });
  const sides = ['cac:AccountingSupplierParty', 'cac:AccountingCustomerParty'];
  return { 'ubl:Invoice': { ...invoice, ...Object.fromEntries(sides.map((of) => [of, party(of)])) } };
};
const isPeppols = (line) => /^\/cbc:ProfileID |\/cbc:EndpointID /.test(line);

const toXml = (model) => new InvoiceService(silent).generate(withAddresses(model), { format: 'UBL', lang: 'en' });
const modelOf = (xml) => ({ 'ubl:Invoice': toModel(create(xml).root().node, invoiceSchema.properties['ubl:Invoice']) });

for (const [file, xml] of samples) {
  test(`${file} is a valid invoice of EN 16931, written as the library writes it`, async () => {
    const written = create(await toXml(modelOf(xml))).root().node;
    const own = create(xml).root().node;

    assert.equal(own.localName, file.endsWith('credit-note.xml') ? 'CreditNote' : 'Invoice');
    assert.equal(own.namespaceURI, written.namespaceURI);
    assert.deepEqual(
      flat(own),
      flat(written).filter((line) => !isPeppols(line)),
    );
  });
}

test('samples of every kind are validated, and a wrong one is refused', async () => {
  assert.deepEqual(
    samples.map(([file]) => file),
    [
      'credit-note.xml',
      'invoice.xml',
      'no-details.xml',
      'paypal-credit-note.xml',
      'paypal.xml',
      'reduced-rate.xml',
      'zero-rate-credit-note.xml',
      'zero-rate.xml',
    ],
  );
  const [, xml] = samples[1];
  for (const [right, wrong] of [
    ['>380<', '>999<'],
    ['<cbc:IdentificationCode>DE', '<cbc:IdentificationCode>XX'],
    ['<cbc:IssueDate>2026-', '<cbc:IssueDate>26-'],
    ['cbc:RegistrationName', 'cbc:Name'],
  ]) {
    assert.ok(xml.includes(right));
    await assert.rejects(toXml(modelOf(xml.replaceAll(right, wrong))), undefined, wrong);
  }
});
