// SPDX-License-Identifier: MIT
// Who is to enter at once or not at all (dlock --algorithm -n).
//
// Problem: the algorithms know no other answer than that one's turn has come. A site that waits for it cannot
// tell whether another one is inside, or whether messages are slow. Solution: beside its request the site
// asks all others whether they hold it up: whoever does says so, and the request is withdrawn at the first
// such answer. By an order of stamps one of several who ask at once is held up by nobody. The questions go by
// the same channels as the requests, so each arrives after the request that it is about; they are counted
// apart. Where nobody holds it up and its turn does not come, as while a token is on its way and another one
// gets it first, it asks again.
#include <chrono>
#include <utility>

#include "agreements/part.hpp"
#include "base/format.hpp"

namespace coord::agreements {

namespace {

constexpr Duration ask_again_after = std::chrono::milliseconds(200);

}  // namespace

void AgreementsPart::ask_whether_busy(const node::Moment& moment, Token epoch, Region& region) {
  Region::AtOnce asks{++last_question_, {}, moment.now + sites_answer_in};
  for (const service::DecisionSite& site : region.known.sites) {
    if (site.node != self_) asks.open.insert(site.node);
  }
  const auto open = asks.open;
  const std::uint64_t question = asks.question;
  region.at_once = std::move(asks);
  for (const NodeId node : open) {
    ++region.messages["is busy"];
    say(moment, region, node, Item{.generation = epoch, .kind = Item::Kind::is_busy, .question = question});
  }
}

void AgreementsPart::busy_item(const node::Moment& moment, NodeId from, const Item& what, Region& region) {
  if (what.kind == Item::Kind::is_busy) {
    const bool busy = region.core->holds_up(from);
    return say(moment, region, from,
               Item{.generation = what.generation,
                    .kind = busy ? Item::Kind::busy : Item::Kind::free,
                    .question = what.question});
  }
  if (!region.at_once || region.at_once->question != what.question) return;
  ++region.messages[name_of(what.kind)];
  if (region.at_once->open.erase(from) == 0) return;
  if (region.at_once->open.empty()) region.at_once->until = moment.now + ask_again_after;
  if (what.kind == Item::Kind::busy) give_up_waiting(moment, what.generation, region, Busy{});
}

// The first in line; the others go on.
void AgreementsPart::give_up_waiting(const node::Moment& moment, Token epoch, Region& region,
                                     const ToTool& told) {
  region.at_once.reset();
  if (region.waiting.empty()) return;
  tell(region.waiting.front().tool, told);
  region.waiting.pop_front();
  if (std::exchange(region.wished, false)) wish(moment, epoch, region, classical::Leave{});
  next(moment, epoch, region);
}

void AgreementsPart::see_who_answers(const node::Moment& moment) {
  for (auto& [epoch, region] : regions_) {
    if (!region.at_once || moment.now < region.at_once->until) continue;
    if (region.at_once->open.empty()) {
      ask_whether_busy(moment, epoch, region);
      continue;
    }
    std::string hosts;
    for (const NodeId node : region.at_once->open) hosts += (hosts.empty() ? "" : ", ") + host_of(node);
    give_up_waiting(moment, epoch, region,
                    CannotTell{CannotTell::Why::no_majority, fmt::format("no answer from {}", hosts)});
  }
}

}  // namespace coord::agreements
