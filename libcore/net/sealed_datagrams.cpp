// SPDX-License-Identifier: MIT
#include "net/sealed_datagrams.hpp"

#include <algorithm>

#include "base/check.hpp"
#include "base/rule.hpp"

namespace coord::net {

SealedDatagrams::SealedDatagrams(Config config) : config_(std::move(config)) {
  for (const std::string& peer : config_.peers) {
    if (peer == config_.self) continue;
    Pair& pair = pairs_[peer];
    pair.retry = config_.times.retry_low;
    pair.answers_left = config_.times.answers_at_once;
    pair.status.name = peer;
    derive(peer, pair);
  }
}

void SealedDatagrams::derive(const std::string& peer, Pair& pair) {
  const ClusterKey& first = config_.keys.sending();
  pair.sending = derive_datagram_keys(first.key, {first.id, config_.self, peer, config_.group});
  pair.receiving.clear();
  for (const ClusterKey& key : config_.keys.keys()) {
    pair.receiving.push_back(derive_datagram_keys(key.key, {key.id, peer, config_.self, config_.group}));
    places_[pair.receiving.back().tag] = {peer, pair.receiving.size() - 1};
  }
  derive_for_life(pair);
}

void SealedDatagrams::derive_for_life(Pair& pair) const {
  pair.opening.clear();
  if (!pair.life) return;
  pair.sealing = derive_sealing_key(pair.sending.root, config_.life, *pair.life);
  for (const DatagramKeys& keys : pair.receiving)
    pair.opening.push_back(derive_sealing_key(keys.root, *pair.life, config_.life));
}

void SealedDatagrams::set_keys(KeyRing keys) {
  config_.keys = std::move(keys);
  places_.clear();
  for (auto& [peer, pair] : pairs_) derive(peer, pair);
}

std::optional<Bytes> SealedDatagrams::seal(const std::string& peer, ByteView payload) {
  const auto found = pairs_.find(peer);
  if (found == pairs_.end() || !found->second.life) return std::nullopt;
  Pair& pair = found->second;
  ++pair.status.sent;
  return seal_datagram(pair.sending.tag, pair.sealing, ++pair.counter, payload);
}

SealedDatagrams::Step SealedDatagrams::receive(Instant now, ByteView datagram) {
  Step step;
  const auto raw = parse_raw_datagram(datagram);
  const auto place = raw ? places_.find(raw->tag) : places_.end();
  if (place == places_.end()) {
    ++foreign_;
    return step;
  }
  Pair& pair = pairs_.at(place->second.peer);
  if (raw->kind == RawDatagram::Kind::sealed) {
    step.received = receive_sealed(now, *raw, place->second, pair);
  } else if (auto answer = receive_challenge(now, *raw, place->second, pair)) {
    step.outgoing.push_back(std::move(*answer));
  }
  return step;
}

std::optional<SealedDatagrams::Received> SealedDatagrams::receive_sealed(Instant now, const RawDatagram& raw,
                                                                         const Place& place, Pair& pair) {
  auto opened = pair.life ? open_datagram(pair.opening.at(place.key), raw) : std::nullopt;
  if (!opened || !pair.window.accept(opened->counter)) {
    ++pair.status.refused;
    return std::nullopt;
  }
  ++pair.status.received;
  pair.status.heard = now;
  return Received{place.peer, std::move(opened->payload)};
}

std::optional<SealedDatagrams::Outgoing> SealedDatagrams::receive_challenge(Instant now,
                                                                            const RawDatagram& raw,
                                                                            const Place& place, Pair& pair) {
  const auto challenge = open_challenge(pair.receiving.at(place.key), raw);
  if (!challenge) {
    ++pair.status.refused;
    return std::nullopt;
  }
  pair.status.heard = now;
  const bool fresh = is_answer(now, *challenge, pair);
  if (fresh) {
    pair.status.answered = now;
    pair.status.unanswered = 0;
    pair.retry = config_.times.retry_low;
    pair.next_challenge = now + config_.times.probe_every;
  }
  // Whatever is no answer to a nonce of ours may be a recording, of an earlier life too.
  if (COORD_RULE(datagram_life_is_learnt_by_an_answer, fresh)) learn(challenge->life, pair);
  if (challenge->nonce == ChallengeNonce{}) return std::nullopt;
  if (!fresh && !may_answer(now, pair)) return std::nullopt;
  const bool known = pair.life == challenge->life;
  const ChallengeNonce ask = known ? ChallengeNonce{} : nonce_for(now, pair);
  return Outgoing{place.peer, make_challenge(pair.sending, {config_.life, ask, challenge->nonce})};
}

// Whether it answers a nonce of ours, for the first time, in time, and not after the answer to a later one.
bool SealedDatagrams::is_answer(Instant now, const Challenge& challenge, Pair& pair) const {
  const auto asked = std::find_if(pair.nonces.begin(), pair.nonces.end(),
                                  [&](const Nonce& nonce) { return nonce.value == challenge.echo; });
  if (asked == pair.nonces.end()) return false;
  const bool in_time = now - asked->sent <= config_.times.answer_within;
  if (!COORD_RULE(datagram_answer_comes_in_time, in_time)) return false;
  pair.status.rtt = now - asked->sent;
  const auto oldest = COORD_RULE_OR(datagram_answer_voids_earlier_nonces, pair.nonces.begin(), asked);
  pair.nonces.erase(oldest, asked + 1);
  return true;
}

// Another life: nothing of the one before opens any more, and its counters begin anew. Our own go on.
void SealedDatagrams::learn(const LifeId& life, Pair& pair) const {
  if (pair.life == life) return;
  pair.life = life;
  pair.window = {};
  pair.status.known = true;
  derive_for_life(pair);
}

// The newest one if it is young, so that whoever makes us challenge cannot push the others out: the list
// holds what can still be answered.
const ChallengeNonce& SealedDatagrams::nonce_for(Instant now, Pair& pair) const {
  while (!pair.nonces.empty() && now - pair.nonces.front().sent > config_.times.answer_within)
    pair.nonces.pop_front();
  if (pair.nonces.empty() || now - pair.nonces.back().sent >= config_.times.nonce_every)
    pair.nonces.push_back({config_.draw(), now});
  return pair.nonces.back().value;
}

// A bucket: so many at once, and one more each answer_every.
bool SealedDatagrams::may_answer(Instant now, Pair& pair) const {
  const DatagramTimes& times = config_.times;
  const auto more = (now - pair.answers_counted) / times.answer_every;
  if (more > 0) {
    const auto room = static_cast<std::int64_t>(times.answers_at_once - pair.answers_left);
    pair.answers_left += static_cast<std::uint32_t>(std::min<std::int64_t>(more, room));
    pair.answers_counted = now;
  }
  if (pair.answers_left == 0) return false;
  --pair.answers_left;
  return true;
}

std::vector<SealedDatagrams::Outgoing> SealedDatagrams::tick(Instant now) {
  std::vector<Outgoing> due;
  for (auto& [peer, pair] : pairs_) {
    if (now < pair.next_challenge) continue;
    due.push_back({peer, make_challenge(pair.sending, {config_.life, nonce_for(now, pair), {}})});
    ++pair.status.unanswered;
    pair.next_challenge = now + pair.retry;
    pair.retry = std::min(pair.retry * 2, config_.times.retry_high);
  }
  return due;
}

std::optional<Instant> SealedDatagrams::deadline() const {
  std::optional<Instant> first;
  for (const auto& [peer, pair] : pairs_)
    if (!first || pair.next_challenge < *first) first = pair.next_challenge;
  return first;
}

void SealedDatagrams::hurry(const std::string& peer) {
  const auto found = pairs_.find(peer);
  if (found == pairs_.end()) return;
  Pair& pair = found->second;
  if (pair.status.unanswered == 0 && pair.life) return;
  pair.next_challenge = Instant{};
  pair.retry = config_.times.retry_low;
}

DatagramStatus SealedDatagrams::status(const std::string& peer) const {
  const auto found = pairs_.find(peer);
  return found == pairs_.end() ? DatagramStatus{} : found->second.status;
}

std::vector<DatagramStatus> SealedDatagrams::status() const {
  std::vector<DatagramStatus> all;
  for (const auto& [peer, pair] : pairs_) all.push_back(pair.status);
  return all;
}

}  // namespace coord::net
