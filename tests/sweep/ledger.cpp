#include "sweep/ledger.hpp"

#include <algorithm>

namespace coord::sweep {

void Ledger::applied(NodeId node, const replica::Applied& applied) {
  const std::uint64_t index = applied.index.value;
  const auto known = log_.find(index);
  if (known != log_.end() && known->second != applied.effects) {
    // A peer alone does not sync its grants: after a power cut its log may go on differently, but for the
    // tokens.
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
    if (grant->slots > 1) continue;
    for (const std::string& name : grant->names)
      grants_.emplace(grant->token, Unheard{name, grant->mode == service::Mode::shared, world_.now()});
  }
}

}  // namespace coord::sweep
