// SPDX-License-Identifier: MIT
// Is this the log that was seen?
//
// Problem: an engine that was restored from a backup has the same name, the same cluster id, and says
// nothing. What was granted after the backup is in no log, and its commands run on until their leases are
// over. A gateway that was there finds that its place is missing. One that comes for the first time finds a
// log that looks whole, and would grant at once what others hold.
//
// The way here: what a gateway remembers is compared with every state and every entry that it reads. A state
// that is newer than its memory shows the way at its seals only: then, or without any memory, the gateway
// follows the log and serves nobody, but asks by an entry. A gateway that remembers answers by an entry that
// names the question's place: it has walked to it by the log that it knows. The question is another one on
// each connection, so no answer from before a restore counts. Who remembers something may also go on when
// every lease is over that is as long as those it knows of; who remembers nothing waits for a word, or an
// operator's (--first).
#include <algorithm>

#include "base/format.hpp"
#include "base/rule.hpp"
#include "replica/engine_log.hpp"
#include "replica/engine_words.hpp"

namespace coord::replica {

namespace {

// As many as there can be gateways: who asked and is not answered does not ask again.
constexpr std::size_t questions_limit = 4096;

}  // namespace

bool EngineLog::may_go_on(bool same_way) {
  return COORD_RULE(engine_may_not_go_back, same_way);
}

EngineLog::Way EngineLog::way_of(const EngineState& state) const {
  if (!has_memory()) {
    // Nothing was seen but that there was no log: is it the one that was made here?
    const bool is_own =
        memory_.era == 1 &&
        (state.place == memory_.place || std::ranges::find(state.seals, memory_.place) != state.seals.end());
    return COORD_RULE(first_comer_is_confirmed, is_own || config_.first) ? Way::same : Way::untold;
  }
  if (state.era < memory_.era) return Way::other;
  // A later one may be another log's, or this log's before it was restored.
  if (state.era > memory_.era)
    return COORD_RULE(later_era_was_heard, heard_new_era_ || config_.first) ? Way::same : Way::untold;
  if (state.place.index < memory_.place.index) return Way::same;  // the entries behind it will tell
  if (state.place.index == memory_.place.index) return state.place == memory_.place ? Way::same : Way::other;
  for (const EnginePlace& seal : state.seals) {
    if (seal.index == memory_.place.index) return seal == memory_.place ? Way::same : Way::other;
    if (seal.index == memory_.seal.index && seal != memory_.seal) return Way::other;
  }
  return COORD_RULE(newer_state_is_confirmed, config_.first) ? Way::same : Way::untold;
}

// Does the entry that was walked over last lead to where this gateway has been? It may be a
// word for all the same.
void EngineLog::look_whether_on_way(Instant now) {
  const bool remembered = walk_->era == memory_.era && walk_->place.index == memory_.place.index;
  if (!may_go_on(!remembered || walk_->place == memory_.place)) return go_other_way();
  const bool applied = walk_->era == seen_era_ && walk_->place.index == applied_;
  if (may_go_on(!applied || walk_->place == seen_)) return;
  stale_ = true;
  if (believes_) {
    go_other_way();
  } else {
    load(now);
  }
}

bool EngineLog::is_behind() const {
  return walk_->era == memory_.era && walk_->place.index < memory_.place.index;
}

// It is followed all the same: for a new era.
void EngineLog::go_other_way() {
  if (trouble_ != engine_went_back) out_.push_back(Report{engine_went_back});
  lose(engine_went_back);
  walk_->other_way = true;
  believes_ = false;
  stale_ = true;
  doubts_until_.reset();
}

void EngineLog::doubt(Instant now) {
  const bool remembers = has_memory();
  const Duration longest = std::max({config_.usual_ttl, memory_.ttl, longest_ttl_, closed_for_});
  if (remembers && !doubts_until_) doubts_until_ = now + longest;
  lose(remembers ? too_long_away : nobody_confirms);
}

// ---- words

void EngineLog::hear_word(Instant now, const EngineEntry& entry) {
  const auto word = decode_engine_word(entry.command);
  if (!word) return out_.push_back(Report{word.error().text()});
  if (entry.kind == EngineEntry::Kind::new_era) return hear_new_era(now, *word);
  if (walk_->over) {
    const bool counts = entry.kind == EngineEntry::Kind::remembers && !walk_->over->sealed;
    if (counts) walk_->over->known[entry.node] = *word;
    return;
  }
  if (walk_->other_way) return;
  if (current_) keepers_.heard(now, entry.node);
  const bool own = entry.node == config_.self;
  if (entry.kind == EngineEntry::Kind::asks) {
    if (own && word->nonce == nonce_) {
      asked_others_ = true;
      asked_place_ = walk_->place;
    } else if (!own && questions_.size() < questions_limit) {
      questions_[word->nonce] = Question{walk_->place, {}};
    }
  } else if (entry.kind == EngineEntry::Kind::confirms) {
    hear_confirmed(now, *word);
  } else if (entry.kind == EngineEntry::Kind::tries && own && full_at_) {
    full_at_.reset();
    if (read_) serve(now);
  }
}

// By who walked to the question itself; by an operator, behind it.
void EngineLog::hear_confirmed(Instant now, const EngineWord& word) {
  questions_.erase(word.nonce);
  if (word.nonce == 0) confirmed_all_ |= confirming_all_.has_value();
  if (believes_ || !asked_others_) return;
  const bool is_own = word.nonce == nonce_ && word.place == asked_place_;
  if (!COORD_RULE(confirmation_is_of_this_connection, is_own || word.nonce == 0)) return;
  believes_ = true;
  if (read_) serve(now);
}

void EngineLog::ask_others(Instant now) {
  if (!is_in_doubt() || asked_others_) return;
  if (asked_at_ && now < *asked_at_ + word_again) return;
  asked_at_ = now;
  EngineWord word;
  word.nonce = nonce_;
  append_word(fmt::format("q{:x}-{:x}", life(), nonce_), word, EngineEntry::Kind::asks);
}

// One answer is enough: the more could answer, the longer each waits.
void EngineLog::answer_others(Instant now) {
  constexpr Duration each_waits = std::chrono::milliseconds(10), longest = std::chrono::milliseconds(500);
  const auto gateways = static_cast<Duration::rep>(machine_.state().registrations.size());
  for (auto& [nonce, question] : questions_) {
    if (!question.due)
      question.due = now + random_.between(Duration{}, std::min(longest, each_waits * gateways));
    if (now < *question.due) continue;
    question.due = now + word_again;
    EngineWord word;
    word.nonce = nonce;
    word.place = question.place;
    append_word(fmt::format("k{:x}", nonce), word, EngineEntry::Kind::confirms);
  }
}

Actions EngineLog::confirm_to_all(Instant now) {
  if (current_ && (!confirming_all_ || now >= *confirming_all_ + word_again)) {
    confirming_all_ = now;
    append_word(fmt::format("o{:x}-{}", life(), ++last_key_), {}, EngineEntry::Kind::confirms);
  }
  return std::exchange(out_, {});
}

// ---- memory

void EngineLog::note_leases() {
  longest_ttl_ = {};
  for (const auto& [id, session] : machine_.state().sessions)
    longest_ttl_ = std::max(longest_ttl_, session.ttl);
}

bool EngineLog::is_beyond_memory() const {
  if (current_) return true;
  if (!believes_ || !walk_ || walk_->other_way || walk_->over) return false;
  return walk_->era > memory_.era || (walk_->era == memory_.era && walk_->place.index >= memory_.place.index);
}

// Only what was walked from what is remembered already; on the way in as well.
void EngineLog::remember() {
  if (!COORD_RULE_OR(remembered_before_it_is_told, is_beyond_memory(), current_)) return;
  heard_new_era_ &= memory_.era == walk_->era;
  memory_.era = walk_->era;
  memory_.place = walk_->place;
  memory_.seal = walk_->seals.empty() ? EnginePlace{} : walk_->seals.back();
  memory_.token = std::max(memory_.token, machine_.state().last_token);
  memory_.ttl = std::max(longest_ttl_, closed_for_);
}

// Before what depends on it; for a crash of the machine, which ends all that was granted
// here, a little later.
void EngineLog::put_down(Instant now) {
  const bool is_time = !lasting_at_ || now >= *lasting_at_ + config_.remember_every;
  const bool lasts = is_time && lasting_ != memory_;
  if (memory_ == put_down_ && !lasts) return;
  put_down_ = memory_;
  if (lasts) {
    lasting_at_ = now;
    lasting_ = memory_;
  }
  out_.push_back(RememberEngine{memory_, lasts});
}

}  // namespace coord::replica
