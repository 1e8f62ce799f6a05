// SPDX-License-Identifier: MIT
// Attacks on sealed datagrams, and honest mishaps. Each says what went wrong, or nothing if all is well: the
// tests want nothing, the tests with a rule removed want something.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "net_datagram_pair.hpp"

namespace coord::net::test {

using Verdict = std::optional<std::string>;

inline const Instant at_start = Instant{} + 1h;

inline bool opens(SealedDatagrams& end, const Bytes& datagram, Instant now = at_start) {
  return end.receive(now, datagram).received.has_value();
}

// Counters 1 to `count` of a busy sender, of which the first arrived, and is sent again after all of them.
inline Verdict replay_after(std::uint64_t count) {
  ReplayWindow window;
  if (!window.accept(1)) return "a first counter was refused";
  window.accept(count);
  if (window.accept(1)) return "counter 1 was accepted again after " + std::to_string(count);
  return std::nullopt;
}

inline Verdict replay_below_the_window() {
  for (const std::uint64_t past : {0U, 1U, 2U, 5U})
    if (auto wrong = replay_after(ReplayWindow::size + past)) return wrong;
  return replay_after(3 * ReplayWindow::size);
}

inline Verdict replay_of_the_newest() {
  ReplayWindow window;
  for (std::uint64_t counter = 1; counter <= 3 * ReplayWindow::size; ++counter) {
    if (!window.accept(counter)) return "a new counter was refused";
    if (window.accept(counter)) return "a counter was accepted twice";
    if (counter > 1 && window.accept(counter - 1)) return "the counter before was accepted twice";
  }
  return std::nullopt;
}

inline Verdict replayed_datagram() {
  auto a = make_end("a");
  auto b = make_end("b");
  meet(at_start, a, "a", b, "b");
  const Bytes sealed = *a.seal("b", text("beat"));
  if (!opens(b, sealed)) return "the first one was refused";
  if (opens(b, sealed)) return "it opened twice";
  return std::nullopt;
}

// What a sends to b, sent back to a.
inline Verdict reflected_datagram() {
  auto a = make_end("a");
  auto b = make_end("b");
  meet(at_start, a, "a", b, "b");
  const Bytes sealed = *a.seal("b", text("beat"));
  a.receive(at_start, sealed);
  if (a.status("b").received > 0) return "its own datagram opened";
  const auto challenges = a.tick(at_start + 1min);
  for (const auto& challenge : challenges)
    if (!a.receive(at_start + 1min, challenge.bytes).outgoing.empty())
      return "its own challenge was answered";
  if (a.status("b").refused + a.status("c").refused > 0) return "its own direction has the other's tag";
  return std::nullopt;
}

// A datagram that was held back until its sender, or its receiver, had restarted.
inline Verdict of_an_earlier_life(bool sender_restarts) {
  auto a = make_end("a");
  auto b = make_end("b");
  meet(at_start, a, "a", b, "b");
  const Bytes held_back = *a.seal("b", text("beat"));
  const Instant later = at_start + 1min;
  EndOptions again;
  again.seed = 2;
  if (sender_restarts) a = make_end("a", again);
  if (!sender_restarts) b = make_end("b", again);
  meet(later, a, "a", b, "b");
  if (!a.status("b").known || !b.status("a").known) return "they did not meet again";
  if (opens(b, held_back, later)) return "what was sealed for an earlier life opened";
  if (!opens(b, *a.seal("b", text("beat")), later)) return "what was sealed for this one did not";
  return std::nullopt;
}

// A recorded challenge of an earlier life, after the new one was learnt.
inline Verdict recorded_challenge() {
  auto a = make_end("a");
  auto b = make_end("b");
  const std::vector<Bytes> recorded = meet(at_start, a, "a", b, "b");
  EndOptions again;
  again.seed = 2;
  a = make_end("a", again);
  meet(at_start + 1s, a, "a", b, "b");
  for (const Bytes& datagram : recorded) b.receive(at_start + 2s, datagram);
  if (!opens(b, *a.seal("b", text("beat")), at_start + 2s)) return "an earlier life was believed again";
  return std::nullopt;
}

// b answers, restarts, and answers again; the first answer comes last.
inline Verdict answer_overtaken_by_a_later_one() {
  auto a = make_end("a");
  auto b = make_end("b");
  const auto to_b = [](std::vector<SealedDatagrams::Outgoing> all) { return all.front().bytes; };
  const Bytes first = to_b(a.tick(at_start));
  const Bytes first_answer = b.receive(at_start, first).outgoing.at(0).bytes;
  EndOptions again;
  again.seed = 2;
  b = make_end("b", again);
  const Bytes second = to_b(a.tick(at_start + 200ms));
  const Bytes second_answer = b.receive(at_start + 200ms, second).outgoing.at(0).bytes;
  const auto back = a.receive(at_start + 300ms, second_answer).outgoing;
  if (back.size() != 1) return "the second answer was not answered";
  b.receive(at_start + 300ms, back.front().bytes);
  a.receive(at_start + 400ms, first_answer);
  if (!opens(b, *a.seal("b", text("beat")), at_start + 400ms)) return "the older answer was believed";
  return std::nullopt;
}

inline Verdict answer_held_back() {
  auto a = make_end("a");
  auto b = make_end("b");
  const Bytes asked = a.tick(at_start).front().bytes;
  const Bytes answer = b.receive(at_start, asked).outgoing.at(0).bytes;
  a.receive(at_start + DatagramTimes{}.answer_within + 1ms, answer);
  if (a.status("b").known) return "an answer was believed that came too late";
  return std::nullopt;
}

// Every bit of a challenge, turned.
inline Verdict damaged_challenge() {
  auto a = make_end("a");
  const Bytes asked = a.tick(at_start).front().bytes;
  for (std::size_t bit = 0; bit < asked.size() * 8; ++bit) {
    auto b = make_end("b");
    Bytes damaged = asked;
    damaged[bit / 8] = static_cast<std::uint8_t>(damaged[bit / 8] ^ (1U << (bit % 8)));
    if (!b.receive(at_start, damaged).outgoing.empty())
      return "a challenge with bit " + std::to_string(bit) + " turned was answered";
  }
  return std::nullopt;
}

// Each rule, and the attack that its removal lets in.
inline const std::map<std::string, std::function<Verdict()>>& attacks() {
  static const std::map<std::string, std::function<Verdict()>> all = {
      {"datagram_below_the_window_is_refused", replay_below_the_window},
      {"datagram_is_accepted_once", replayed_datagram},
      {"datagram_window_keeps_the_highest", replay_of_the_newest},
      {"datagram_key_is_of_one_direction", reflected_datagram},
      {"datagram_key_is_of_the_senders_life", [] { return of_an_earlier_life(true); }},
      {"datagram_key_is_of_the_receivers_life", [] { return of_an_earlier_life(false); }},
      {"datagram_life_is_learnt_by_an_answer", recorded_challenge},
      {"datagram_answer_voids_earlier_nonces", answer_overtaken_by_a_later_one},
      {"datagram_answer_comes_in_time", answer_held_back},
      {"datagram_challenge_is_authentic", damaged_challenge},
  };
  return all;
}

}  // namespace coord::net::test
