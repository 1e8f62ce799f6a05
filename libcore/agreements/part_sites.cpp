// SPDX-License-Identifier: MIT
// The sites of decisions at this peer: which ones it is, and what their algorithms ask for.
#include <algorithm>
#include <utility>

#include "agreements/part.hpp"
#include "base/format.hpp"
#include "base/rule.hpp"

namespace coord::agreements {

namespace {

using Why = CannotTell::Why;

constexpr std::size_t most_sites = 1'024;      // decisions at once at this peer
constexpr std::size_t most_steps = 256;        // that are told...
constexpr std::size_t most_of_step = 160;      // ... so many bytes of each: a message has the value in it
constexpr char decided_record[] = "!decided";  // beside the algorithm's own

}  // namespace

// Not of all that there are: what a peer does not run is not in its program.
const classical::Algorithm* hosted(std::string_view algorithm) {
  static const std::vector<classical::Algorithm> all = [] {
    std::vector<classical::Algorithm> some = classical::agreement_on_one();
    for (classical::Algorithm& one : classical::byzantine_agreement()) some.push_back(std::move(one));
    for (classical::Algorithm& one : classical::mutual_exclusion()) some.push_back(std::move(one));
    for (classical::Algorithm& one : classical::leader_election()) some.push_back(std::move(one));
    for (classical::Algorithm& one : classical::atomic_commit()) some.push_back(std::move(one));
    return some;
  }();
  const auto found = std::ranges::find_if(
      all, [&](const classical::Algorithm& one) { return one.identity.name == algorithm; });
  return found == all.end() ? nullptr : &*found;
}

std::optional<Known> AgreementsPart::known(const node::Moment& moment, Token generation,
                                           CannotTell& why) const {
  auto found = log_->find(moment, generation);
  if (found) return found;
  if (log_->has_come_to(moment, generation)) {
    why = {Why::forgotten, "it was forgotten after this proposal was made"};
  } else {
    why = {Why::behind, "this host's peer has not caught up with the group"};
  }
  return std::nullopt;
}

Site* AgreementsPart::site(const node::Moment& moment, Token generation, CannotTell& why) {
  if (const auto found = sites_.find(generation); found != sites_.end()) return &found->second;
  auto of = known(moment, generation, why);
  if (!of) return nullptr;
  if (of->region) {
    why = {Why::wrong, "it is no decision"};
    return nullptr;
  }
  const service::DecisionSite* const self = of->site(self_);
  const classical::Algorithm* const algorithm = hosted(of->algorithm);
  if (self == nullptr || algorithm == nullptr) {
    why = {Why::no_site, fmt::format("this host is none of its sites: ask on one of {}", of->hosts())};
    return nullptr;
  }
  const bool same_disk = self->disk == shelf_.disk && shelf_.disk != 0;
  const bool same = same_disk && (algorithm->stores || self->life == life_);
  const auto kept = shelf_.kept.find(generation);
  const bool has_decided = kept != shelf_.kept.end() && kept->second.records.contains(decided_record);
  if (!COORD_RULE(site_is_the_one_that_was_fixed, same || (same_disk && has_decided))) {
    const char* const since = same_disk         ? "'s peer process was replaced since its sites were fixed"
                              : self->disk == 0 ? " was not heard when its sites were fixed"
                                                : "'s disk was replaced since its sites were fixed";
    why = {Why::no_site, fmt::format("this host{}, and takes no part: the sites are {}", since, of->hosts())};
    return nullptr;
  }
  if (sites_.size() >= most_sites) {
    why = {Why::no_site, "this peer takes part in too many decisions: forget some"};
    return nullptr;
  }
  return make_site(moment, generation, std::move(*of), why);
}

Site* AgreementsPart::make_site(const node::Moment& moment, Token generation, Known known, CannotTell& why) {
  Site made;
  made.known = std::move(known);
  made.algorithm = hosted(made.known.algorithm);
  if (made.algorithm->proves) made.notary = notary(moment, made.known, generation);
  if (made.algorithm->proves && !made.notary) {
    why = {Why::store, "this host's signing key cannot be read: see its peer's log"};
    return nullptr;
  }
  if (auto kept = shelf_.kept.extract(generation)) made.records = std::move(kept.mapped().records);
  if (const auto decided = made.records.find(decided_record); decided != made.records.end()) {
    made.decided.emplace();
    made.decided->value.assign(decided->second.begin(), decided->second.end());
    made.records.erase(decided);
  }
  if (made.decided && !made.algorithm->proves) {
    made.records.clear();
    return &sites_.emplace(generation, std::move(made)).first->second;
  }
  classical::Setup setup;
  // Whom a majority is of: not whoever votes in the group by now.
  const bool fixed = COORD_RULE_OR(acceptors_are_those_of_the_first_entry, true, false);
  setup.group = {self_, fixed ? made.known.nodes() : founders_};
  setup.seed = random_.next();
  setup.now = moment.now;
  setup.stored = made.records;
  setup.notary = made.notary.get();
  // A name is decided by the first value of a log: no site has to keep or to tell what would come after it.
  if (std::ranges::find(made.algorithm->options, "places", &classical::Option::name) !=
      made.algorithm->options.end())
    setup.options["places"] = "1";
  auto core = made.algorithm->make(setup);
  if (!core) {
    why = {Why::wrong, core.error().text()};
    return nullptr;
  }
  made.core = std::move(*core);
  return &sites_.emplace(generation, std::move(made)).first->second;
}

// Too many of its sites are not those that were fixed any more, and never will be: in words. Else empty.
std::string AgreementsPart::lost_majority(const Site& site) const {
  const std::vector<service::DecisionSite>& sites = site.known.sites;
  std::string lost;
  std::size_t left = 0;
  for (const service::DecisionSite& each : sites) {
    const auto peer = peers_.find(each.node);
    // A disk that cannot be read now is told as none, and may be read again. Where sites may lie nobody's
    // word on who it is counts that is not signed.
    const bool is_heard = peer != peers_.end() && peer->second.life != 0 && peer->second.disk != 0;
    const bool is_believed =
        COORD_RULE(a_greeting_loses_no_site_that_signs, !site.algorithm->proves) && is_heard;
    const bool is_lost =
        each.node != self_ && (each.disk == 0 || (is_believed && !is_site(site.known, each.node)));
    if (is_lost) lost += (lost.empty() ? "" : ", ") + each.host;
    left += is_lost ? 0 : 1;
  }
  const std::size_t faulty = (sites.size() - 1) / 3;  // may lie, where some may
  const std::size_t enough = site.algorithm->proves ? 2 * faulty + 1 : sites.size() / 2 + 1;
  if (left >= enough) return "";
  return fmt::format("too many of its sites are lost: {} ({})", lost,
                     site.algorithm->stores
                         ? "the disk was replaced, or was not heard when the sites were fixed"
                         : "the peer was restarted, or was not heard when the sites were fixed");
}

// Whoever waits for what cannot be any more is told so, unless one that is left knows what was
// decided before.
void AgreementsPart::tell_of_lost_majorities(const node::Moment& moment, NodeId of) {
  for (auto& [generation, site] : sites_) {
    if (site.waiting.empty() || site.known.site(of) == nullptr) continue;
    const std::string lost = lost_majority(site);
    if (lost.empty()) continue;
    for (const Tool& tool : std::exchange(site.waiting, {}))
      ask_sites(moment, tool, generation, site.known, CannotTell{Why::lost_meanwhile, lost});
  }
}

void AgreementsPart::note(const node::Moment& moment, Token generation, Site& site, bool sent, NodeId peer,
                          const Bytes& message) {
  const auto text = site.algorithm->describe(message);
  if (text && site.decided)
    return trace(moment, generation, site, {Duration{}, sent, peer, text->text}, text->type);
  if (!text) return;
  ++site.messages[std::string(text->type)];
  if (site.wished && site.steps.size() < most_steps)
    site.steps.push_back({moment.now - *site.wished, sent, peer, text->text.substr(0, most_of_step)});
}

void AgreementsPart::perform(const node::Moment& moment, Token generation, Site& site,
                             classical::Actions actions) {
  for (classical::Action& action : actions) site.held.push_back(std::move(action));
  go_on(moment, generation, site);
}

// In their order; what stands behind a write waits for it.
void AgreementsPart::go_on(const node::Moment& moment, Token generation, Site& site) {
  while (!site.held.empty() && site.writing == 0 && !site.broken) {
    classical::Action action = std::move(site.held.front());
    site.held.pop_front();
    if (auto* persist = std::get_if<classical::Persist>(&action)) {
      if (site.decided && !site.algorithm->proves) continue;  // who proves what it is, goes on
      site.records[persist->key] = std::move(persist->value);
      // What follows at once is written with it.
      while (!site.held.empty() && std::holds_alternative<classical::Persist>(site.held.front())) {
        auto& more = std::get<classical::Persist>(site.held.front());
        site.records[more.key] = std::move(more.value);
        site.held.pop_front();
      }
      if (COORD_RULE_OR(stored_before_it_is_told, true, false)) save(generation, site);
    } else if (auto* send = std::get_if<classical::Send>(&action)) {
      note(moment, generation, site, true, send->to, send->message);
      Item item{generation, site.depth + 1, std::move(send->message)};
      sign(site, item);
      stamp(moment, site.known.name, send->to, site.algorithm, item);
      (void)offer(moment, send->to, item);
    } else if (const auto* told = std::get_if<classical::Tell>(&action)) {
      if (const auto* decided = std::get_if<classical::Decided>(&told->what))
        decide(moment, generation, site, decided->value);
    }
  }
}

void AgreementsPart::save(Token generation, Site& site) {
  auto work = std::make_shared<Save>();
  work->kept = {generation, site.records};
  if (site.decided) {
    const std::string& value = site.decided->value;
    work->kept.records[decided_record] = Bytes(value.begin(), value.end());
  }
  ++site.writing;
  out_.push_back(node::Do{std::move(work)});
}

void AgreementsPart::on(const node::Moment& moment, const node::Worked& event) {
  if (const auto* pin = dynamic_cast<const Pin*>(event.work.get())) return pinned(moment, *pin);
  const auto& work = dynamic_cast<const Save&>(*event.work);
  if (work.kept.generation == longest_lease_place) return longest_lease_saved(moment, work);
  const auto found = sites_.find(work.kept.generation);
  if (deals_.contains(work.kept.generation)) return deal_saved(moment, work);
  if (!work.outcome) out_.push_back(node::Report{fmt::format("agreements: {}", work.outcome.error().text())});
  if (found == sites_.end() || work.kept.records.empty()) return;
  Site& site = found->second;
  --site.writing;
  if (!work.outcome) {
    // What the disk holds is not known: it takes no further part in this life.
    site.broken = true;
    for (const Tool& tool : std::exchange(site.waiting, {}))
      tell(tool, CannotTell{Why::store, "this host's disk cannot be written: propose on another host"});
    return;
  }
  go_on(moment, work.kept.generation, site);
}

void AgreementsPart::decide(const node::Moment& moment, Token generation, Site& site,
                            const std::string& value) {
  if (site.decided) return;
  Decided decided;
  decided.value = value;
  decided.messages = site.messages;
  decided.delays = site.depth - std::min(site.depth, site.depth_at_wish);
  if (site.wished) decided.took = moment.now - *site.wished;
  decided.steps = std::exchange(site.steps, {});
  site.decided = std::move(decided);
  event(moment, generation, site.known.name, fmt::format("decided {}", value));
  if (!site.waiting.empty() && site.wished) begin_trace(moment, generation);
  for (const Tool& tool : std::exchange(site.waiting, {})) tell(tool, *site.decided);
  site.decided->steps.clear();
  if (!site.algorithm->proves) site.records.clear();
  save(generation, site);
}

}  // namespace coord::agreements
