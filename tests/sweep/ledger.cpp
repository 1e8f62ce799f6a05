// SPDX-License-Identifier: MIT
#include "sweep/ledger.hpp"

#include <algorithm>

namespace coord::sweep {

std::optional<Rate> rate_of(const std::string& name) {
  if (name == "rate-0") return Rate{1, std::chrono::milliseconds(300)};
  if (name == "rate-1") return Rate{2, std::chrono::milliseconds(700)};
  return std::nullopt;
}

void Ledger::applied(NodeId node, const replica::Applied& applied) {
  if (restored_) return;
  const std::uint64_t index = applied.index.value;
  const auto known = log_.find(index);
  if (known != log_.end() && known->second != applied.effects) {
    // A peer alone does not sync its grants: after a power cut its log may go on
    // differently, but for the tokens.
    if (world_.nodes() > 1) {
      return world_.fail("machines_agree", "entry " + std::to_string(index) + " had other effects elsewhere",
                         node);
    }
    forget_from(index);
  }
  for (const service::Effect& effect : applied.effects) check_once(node, index, effect);
  if (log_.emplace(index, applied.effects).second) check_tokens(node, index, applied.effects);
}

void Ledger::forget_from(std::uint64_t index) {
  log_.erase(log_.lower_bound(index), log_.end());
  std::erase_if(took_effect_, [&](const auto& entry) { return entry.second >= index; });
}

void Ledger::check_once(NodeId node, std::uint64_t index, const service::Effect& effect) {
  std::visit(
      [&](const auto& concrete) {
        using T = std::decay_t<decltype(concrete)>;
        if constexpr (requires { concrete.to.sequence; } && !std::is_same_v<T, service::Duplicate> &&
                      !std::is_same_v<T, service::Stale>) {
          if (concrete.to.client == service::ClientId{}) return;
          if constexpr (std::is_same_v<T, service::Refused>) {
            if (concrete.why == service::Refusal::too_far_ahead) return;
          }
          const auto key = std::pair(concrete.to.client.value, concrete.to.sequence);
          const auto first = took_effect_.emplace(key, index).first;
          if (first->second == index) return;
          world_.fail("exactly_once",
                      "command " + std::to_string(key.second) + " of client " + std::to_string(key.first) +
                          " took effect at " + std::to_string(first->second) + " and again at " +
                          std::to_string(index),
                      node);
        }
      },
      effect);
}

void Ledger::check_tokens(NodeId node, std::uint64_t index, const service::Effects& effects) {
  for (const service::Effect& effect : effects) {
    const auto* grant = std::get_if<service::Granted>(&effect);
    if (grant == nullptr || grant->reentered) continue;
    if (grant->token <= top_token_) {
      world_.fail("tokens_increase",
                  "token " + std::to_string(grant->token.value) + " at entry " + std::to_string(index) +
                      " after " + std::to_string(top_token_.value),
                  node);
    }
    top_token_ = std::max(top_token_, grant->token);
    if (!grant->leadership.empty())
      grants_.emplace(grant->token, Unheard{leadership_of(grant->leadership), false, world_.now()});
    for (const std::string& name : grant->names) check_rate(name);
    if (grant->permits > 1) continue;
    for (const std::string& name : grant->names)
      grants_.emplace(grant->token, Unheard{name, grant->mode == service::Mode::shared, world_.now()});
  }
}

// A permit is kept for a period by the clock of whoever leads: that is up to a tenth off, and half of a tenth
// more while a fault is at it.
void Ledger::check_rate(const std::string& name) {
  const std::optional<Rate> rate = rate_of(name);
  if (!rate || world_.nodes() == 1) return;
  std::vector<Instant>& given = permits_[name];
  given.push_back(world_.now());
  if (given.size() <= rate->permits) return;
  const Duration apart = given.back() - given[given.size() - 1 - rate->permits];
  if (apart < rate->period * 8 / 10)
    world_.fail("rate", name + ": more than " + std::to_string(rate->permits) + " permits within " +
                            std::to_string(apart / std::chrono::milliseconds(1)) + " ms");
}

}  // namespace coord::sweep
