/** HPACK instructions as data, to write blocks that the package's own encoder never would. */
import { encodeHuffman } from '../reference/huffman.js';
import { ascii, concat } from './bytes.js';

export interface Text {
  readonly text: string;
  readonly huffman: boolean;
}

export type Instruction =
  | { readonly op: 'indexed'; readonly index: number }
  | { readonly op: 'resize'; readonly size: number }
  | { readonly op: 'literal'; readonly form: LiteralForm; readonly name: number | Text; readonly value: Text };

export type LiteralForm = 'indexing' | 'without' | 'never';

const FORMS: Record<LiteralForm, readonly [pattern: number, prefixBits: number]> = {
  indexing: [0x40, 6],
  without: [0x00, 4],
  never: [0x10, 4],
};

export function encodeInstructions(instructions: readonly Instruction[]): Uint8Array {
  return concat(...instructions.map(encodeInstruction));
}

function encodeInstruction(instruction: Instruction): Uint8Array {
  if (instruction.op === 'indexed') return integer(0x80, 7, instruction.index);
  if (instruction.op === 'resize') return integer(0x20, 5, instruction.size);
  const [pattern, bits] = FORMS[instruction.form];
  const { name, value } = instruction;
  if (typeof name === 'number') return concat(integer(pattern, bits, name), string(value));
  return concat(integer(pattern, bits, 0), string(name), string(value));
}

function string({ text, huffman }: Text): Uint8Array {
  const bytes = huffman ? encodeHuffman(ascii(text)) : ascii(text);
  return concat(integer(huffman ? 0x80 : 0, 7, bytes.length), bytes);
}

function integer(pattern: number, bits: number, value: number): Uint8Array {
  const mask = 2 ** bits - 1;
  if (value < mask) return Uint8Array.of(pattern | value);
  const bytes = [pattern | mask];
  let rest = value - mask;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  return Uint8Array.from([...bytes, rest]);
}
