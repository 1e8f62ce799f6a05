// SPDX-License-Identifier: MIT
#include "net/sealed_datagrams.hpp"

#include <algorithm>

#include "base/check.hpp"
#include "base/rule.hpp"

namespace coord::net {

namespace {

constexpr Instant never = Instant::max();

}  // namespace

SealedDatagrams::SealedDatagrams(Config config) : config_(std::move(config)) {
  for (const std::string& peer : config_.peers)
    if (peer != config_.self) add(peer, {config_.group, false});
}

void SealedDatagrams::add(const std::string& peer, const Other& other) {
  Pair& pair = pairs_[peer];
  pair.other = other;
  pair.retry = config_.times.retry_low;
  pair.answers_left = config_.times.answers_at_once;
  pair.status.name = peer;
  if (other.on_demand) pair.next_challenge = never;
  derive(peer, pair);
}

void SealedDatagrams::set_peers(const std::map<std::string, Other>& others) {
  std::erase_if(pairs_, [&](const auto& entry) {
    const auto now = others.find(entry.first);
    return now == others.end() || now->second.group != entry.second.other.group;
  });
  std::erase_if(places_, [&](const auto& entry) { return !pairs_.contains(entry.second.peer); });
  for (const auto& [peer, other] : others) {
    if (peer == config_.self) continue;
    if (!pairs_.contains(peer)) add(peer, other);
  }
}

// At most so often, whatever makes it ask.
void SealedDatagrams::ask(Instant now, Pair& pair) const {
  if (!pair.other.on_demand || pair.next_challenge != never) return;
  const bool lately = !pair.nonces.empty() && now - pair.nonces.back().sent < config_.times.nonce_every;
  pair.next_challenge = lately ? now + config_.times.nonce_every : now;
  pair.retry = config_.times.retry_low;
  pair.status.unanswered = 0;
}

bool SealedDatagrams::keep(Instant now, const std::string& peer, ByteView payload) {
  const auto found = pairs_.find(peer);
  if (found == pairs_.end() || !found->second.other.on_demand) return false;
  Pair& pair = found->second;
  if (!pair.life || !pair.status.answered || now - *pair.status.answered > config_.times.ask_again)
    ask(now, pair);
  if (pair.life) return false;
  pair.waiting = Waiting{Bytes(payload.begin(), payload.end()), now};
  return true;
}

void SealedDatagrams::derive(const std::string& peer, Pair& pair) {
  const ClusterKey& first = config_.keys.sending();
  pair.sending = derive_datagram_keys(first.key, {first.id, config_.self, peer, pair.other.group});
  pair.receiving.clear();
  for (const ClusterKey& key : config_.keys.keys()) {
    pair.receiving.push_back(derive_datagram_keys(key.key, {key.id, peer, config_.self, pair.other.group}));
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
  if (pair.life && pair.waiting) {
    const Waiting waiting = *std::exchange(pair.waiting, {});
    if (now - waiting.since <= config_.times.wait)
      step.outgoing.push_back({place->second.peer, *seal(place->second.peer, waiting.payload)});
  }
  return step;
}

std::optional<SealedDatagrams::Received> SealedDatagrams::receive_sealed(Instant now, const RawDatagram& raw,
                                                                         const Place& place, Pair& pair) {
  auto opened = pair.life ? open_datagram(pair.opening.at(place.key), raw) : std::nullopt;
  if (!opened || !pair.window.accept(opened->counter)) {
    ++pair.status.refused;
    ++refused_;
    ask(now, pair);  // one of the two may be in another life
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
    ++refused_;
    return std::nullopt;
  }
  pair.status.heard = now;
  const bool fresh = is_answer(now, *challenge, pair);
  if (fresh) {
    pair.status.answered = now;
    pair.status.unanswered = 0;
    pair.retry = config_.times.retry_low;
    pair.next_challenge = pair.other.on_demand ? never : now + config_.times.probe_every;
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
    const bool in_vain = pair.other.on_demand && pair.status.unanswered >= config_.times.give_up_after;
    pair.next_challenge = in_vain ? never : now + pair.retry;
    pair.retry = std::min(pair.retry * 2, config_.times.retry_high);
  }
  return due;
}

std::optional<Instant> SealedDatagrams::deadline() const {
  std::optional<Instant> first;
  for (const auto& [peer, pair] : pairs_)
    if (pair.next_challenge != never && (!first || pair.next_challenge < *first)) first = pair.next_challenge;
  return first;
}

void SealedDatagrams::hurry(const std::string& peer) {
  const auto found = pairs_.find(peer);
  if (found == pairs_.end()) return;
  Pair& pair = found->second;
  if (pair.other.on_demand) return;
  if (pair.status.unanswered == 0 && pair.life) return;
  pair.next_challenge = Instant{};
  pair.retry = config_.times.retry_low;
}

void SealedDatagrams::greeted(const std::string& peer) {
  const auto found = pairs_.find(peer);
  if (found == pairs_.end()) return;
  if (!found->second.other.on_demand) return hurry(peer);
  found->second.next_challenge = Instant{};
  found->second.retry = config_.times.retry_low;
  found->second.status.unanswered = 0;
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
