export {
  consumerOptions,
  producerCommandTimeoutMs,
  producerOptions,
} from './connection.ts';
export { describeRedisTarget } from './target.ts';
