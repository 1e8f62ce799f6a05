// SPDX-License-Identifier: MIT
// What a decision's proposer sends and hears after it has decided (dpropose --trace): the others are told,
// and some algorithms are complete only when all have acknowledged that.
#include <algorithm>
#include <chrono>
#include <utility>

#include "agreements/part.hpp"

namespace coord::agreements {

namespace {

constexpr std::size_t most_traced = 16;  // decisions whose later steps are kept, the last ones
constexpr std::size_t most_traced_steps = 256;
constexpr std::size_t most_of_traced_step = 160;
constexpr Duration steps_go_on = std::chrono::seconds(1);

}  // namespace

void AgreementsPart::begin_trace(const node::Moment& moment, Token generation) {
  traced_[generation] = {moment.now + steps_go_on, {}, {}, {}};
  if (traced_.size() <= most_traced) return;
  const auto oldest = std::ranges::min_element(traced_, {}, [](const auto& entry) {
    return std::pair(entry.second.tool.has_value(), entry.second.until);
  });
  if (oldest->second.tool) tell(*oldest->second.tool, Steps{});
  traced_.erase(oldest);
}

void AgreementsPart::trace(const node::Moment& moment, Token generation, const Site& site, Step step,
                           std::string_view type) {
  const auto found = traced_.find(generation);
  if (found == traced_.end() || found->second.until <= moment.now) return;
  Traced& traced = found->second;
  if (type == "acknowledge" && !step.sent) traced.acknowledged.insert(step.peer);
  step.after = moment.now - site.wished.value_or(moment.now);
  step.text.resize(std::min(step.text.size(), most_of_traced_step));
  if (traced.steps.size() < most_traced_steps) traced.steps.push_back(std::move(step));
}

void AgreementsPart::asked(const node::Moment& moment, Tool tool, const GetSteps& what) {
  const auto found = traced_.find(what.generation);
  if (found == traced_.end() || found->second.tool) return tell(tool, Steps{});
  found->second.tool = tool;
  traces_end(moment);
}

// Of who asks; the others' are kept for a while.
void AgreementsPart::traces_end(const node::Moment& moment) {
  std::erase_if(traced_, [&](auto& entry) {
    auto& [generation, traced] = entry;
    if (!traced.tool) return false;
    const auto site = sites_.find(generation);
    const bool acknowledges = site != sites_.end() && site->second.known.algorithm == "promise-exchange";
    const bool all = !acknowledges || traced.acknowledged.size() + 1 == site->second.known.sites.size();
    if (!(is_settled(generation) && all) && moment.now < traced.until) return false;
    Steps steps{std::move(traced.steps), {}, true};
    if (acknowledges) {
      for (const service::DecisionSite& each : site->second.known.sites) {
        if (each.node != self_ && !traced.acknowledged.contains(each.node))
          steps.not_acknowledged.push_back(each.host);
      }
    }
    tell(*traced.tool, steps);
    return true;
  });
}

}  // namespace coord::agreements
