// SPDX-License-Identifier: MIT
#include <algorithm>

#include "base/format.hpp"
#include "protocol/broadcast/gossip.hpp"

namespace coord::broadcast {

const char* fault_of(const CastId& id) {
  return id.number == 0 || id.life == 0 || id.origin == NodeId{} ? "it names none" : nullptr;
}

namespace {

constexpr Duration oldest = std::chrono::hours(24 * 365);

const char* fault(const std::vector<CastId>& after, Duration age) {
  if (after.size() > most_after) return "it follows too many casts";
  if (std::ranges::any_of(after, [](const CastId& id) { return fault_of(id) != nullptr; }))
    return "it follows no cast";
  return age < Duration{} || age > oldest ? "its age cannot be" : nullptr;
}
const char* fault(const Tell& what) {
  if (const char* const why = fault_of(what.cast.id)) return why;
  if (const char* const why = fault(what.cast.after, what.age)) return why;
  return what.cast.body.size() > longest_body ? "it is too long" : nullptr;
}
const char* fault(const Offer& what) {
  if (const char* const why = fault_of(what.id)) return why;
  if (const char* const why = fault(what.after, what.age)) return why;
  return what.size == 0 || what.size > longest_body ? "it cannot be so long" : nullptr;
}
const char* fault(const Want& what) {
  return fault_of(what.id);
}
const char* fault(const Piece& what) {
  if (const char* const why = fault_of(what.id)) return why;
  return what.index >= most_pieces || what.bytes.size() > piece_bytes ? "it is no piece" : nullptr;
}
const char* fault(const Heard& what) {
  return fault_of(what.id);
}
const char* fault(const Digest& what) {
  if (what.summaries.size() > most_summaries) return "it is too long";
  for (const Summary& summary : what.summaries) {
    if (const char* const why = fault_of(CastId{summary.origin, summary.life, 1})) return why;
    if (summary.extras.size() > most_extras || summary.expired > summary.upto) return "it cannot be";
  }
  return nullptr;
}
const char* fault(const Bring& what) {
  for (const Tell& tell : what.casts)
    if (const char* const why = fault(tell)) return why;
  return nullptr;
}

std::string text_of(const CastId& id) {
  return fmt::format("{}.{:x}.{}", id.origin.value, id.life, id.number);
}

}  // namespace

const char* fault_of(const GossipMessage& message) {
  return std::visit([](const auto& what) { return fault(what); }, message);
}

bool goes_by_stream(const GossipMessage& message) {
  if (const auto* digest = std::get_if<Digest>(&message)) return digest->thorough;
  return std::holds_alternative<Bring>(message);
}

std::string text(const GossipMessage& message) {
  if (const auto* tell = std::get_if<Tell>(&message)) return "have you heard? " + text_of(tell->cast.id);
  if (const auto* offer = std::get_if<Offer>(&message))
    return fmt::format("I have {}, of {} bytes", text_of(offer->id), offer->size);
  if (const auto* want = std::get_if<Want>(&message)) return "give me of " + text_of(want->id);
  if (const auto* piece = std::get_if<Piece>(&message))
    return fmt::format("piece {} of {}", piece->index, text_of(piece->id));
  if (const auto* heard = std::get_if<Heard>(&message))
    return fmt::format("{} {}", heard->news ? "no, thanks" : "I knew", text_of(heard->id));
  if (const auto* digest = std::get_if<Digest>(&message))
    return fmt::format("I have of {} lives", digest->summaries.size());
  return fmt::format("you lack {}", std::get<Bring>(message).casts.size());
}

}  // namespace coord::broadcast
