(* How the goals that the Python kernel prints are tied to the claims: docs/theory.md, The ledger. A printed goal may differ from the claim in
   Statements.v in the order of factors and terms, also under sums and derivatives, in how a delta [s = t] is written, in inverses of
   products and in the order of two sums; tie and same_as close it by the claim when nothing else differs. *)
From Coq Require Import Reals Lra Lia Arith FunctionalExtensionality.
From Coquelicot Require Import Coquelicot.
From Compresslab Require Import Base Statements.
Open Scope R_scope.

Ltac deltas := repeat match goal with |- context [Nat.eqb ?a ?b] => match goal with |- context [Nat.eqb b a] => rewrite (Nat.eqb_sym a b) end end;
  repeat match goal with |- context [if Nat.eqb ?a ?b then _ else _] => destruct (Nat.eqb a b) end.
(* Two terms are the same if ring says so after every Derive, Sum, ln and the like on the left has been replaced by one on the right that is
   the same by this tactic: under binders by functional extensionality. *)
Ltac same := cbv beta; lazymatch goal with
  | |- @eq R _ _ => first [reflexivity | ring | repeat align; first [ring
    | lazymatch goal with |- context [Nat.eqb _ _] => solve [deltas; ring] end
    | lazymatch goal with |- context [/ _] => progress rewrite ?Rinv_mult, ?Rinv_inv, ?Rinv_1; repeat align; ring end
    | lazymatch goal with |- _ + _ = _ => fail | |- _ * _ = _ => fail | |- _ - _ = _ => fail | _ => progress f_equal; same end]]
  | |- @eq Prop _ _ => first [reflexivity | progress f_equal; same]
  | |- @eq (_ -> _) _ _ => first [reflexivity | apply functional_extensionality; intro; same]
  | _ => first [reflexivity | progress f_equal; same] end
with align := match goal with |- ?a = ?b => first
  [ match a with context [Derive ?f ?x] => match b with context [Derive ?g ?y] => bring (Derive f x) (Derive g y) end end
  | match a with context [Derive_n ?f ?m ?x] => match b with context [Derive_n ?g ?m ?y] => bring (Derive_n f m x) (Derive_n g m y) end end
  | match a with context [Sum ?n ?f] => match b with context [Sum ?m ?g] => bring (Sum n f) (Sum m g) end end
  | match a with context [ln ?x] => match b with context [ln ?y] => bring (ln x) (ln y) end end
  | match a with context [exp ?x] => match b with context [exp ?y] => bring (exp x) (exp y) end end
  | match a with context [/ ?x] => match b with context [/ ?y] => bring (/ x) (/ y) end end ] end
with bring u v := tryif constr_eq u v then fail else (let E := fresh in assert (E : u = v) by
  first [solve [f_equal; same] | lazymatch u with Sum _ (fun _ => Sum _ _) => rewrite Sum_swap; solve [f_equal; same] end]; rewrite E; clear E).
Ltac same_as claim := let H := fresh in pose proof claim as H; cbv zeta beta delta [Rsqr Rdiv] in H; cbv zeta beta delta [Rsqr Rdiv];
  let P := type of H in
  lazymatch goal with |- ?Q => replace Q with P; [exact H|same] end.

(* --- what a printed goal is closed with: proofs/coq/ties.json has the line for each, a term of this library first --- *)
Lemma Sum_positive n f : (0 < n)%nat -> (forall j, (j < n)%nat -> 0 < f j) -> 0 < Sum n f.
Proof. intros H P. apply (Sum_pos n f 0); [intros; left; auto|exact H|apply P, H]. Qed.
Lemma Derive_shift c f x : Derive (fun e => c + f e) x = Derive f x.
Proof. unfold Derive. f_equal. apply Lim_ext. intros h. f_equal. ring. Qed.
Lemma from_the_right : filter_le (at_right 0) (Rbar_locally' 0).
Proof. intros P [d H]. exists d. intros y B Y. apply H; [exact B|lra]. Qed.

(* A sign that premises and the types of what is in it give; a fact that some premise states in another order. *)
Ltac signed := lazymatch goal with
  | |- 0 < Sum _ _ => first [solve [auto]|apply Sum_positive; [assumption|intros; signed]]
  | |- 0 <= Sum _ _ => apply Sum_nonneg; intros; signed
  | |- 0 < INR _ => apply lt_0_INR; assumption
  | |- 0 < / _ => apply Rinv_0_lt_compat; signed
  | |- 0 <= / _ => left; apply Rinv_0_lt_compat; signed
  | |- 0 < _ => first [solve [auto]|lra|apply Rmult_lt_0_compat; signed|apply Rplus_lt_0_compat; signed|apply Rplus_lt_le_0_compat; signed
      |apply Rplus_le_lt_0_compat; signed]
  | |- 0 <= _ => first [solve [auto]|left; solve [auto]|lra|apply Rmult_le_pos; signed|apply Rplus_le_le_0_compat; signed|apply pow_le; signed]
  end.
Ltac plain := cbv zeta beta iota delta [Rsqr Rdiv].
(* The goal follows from H: the same up to order, or differing by what cancels. *)
Ltac follow H := cbv zeta beta iota delta [Rsqr Rdiv] in H; plain;
  let P := type of H in lazymatch goal with |- ?Q => first
  [ exact H | solve [replace Q with P; [exact H|same]]
  | lazymatch Q with
    | ?A = ?B => lazymatch P with ?a = ?b => let E := fresh in assert (E : A - B = a - b) by same; clear -H E; lra end
    | ?A <= ?B => lazymatch P with ?a <= ?b => let E := fresh in assert (E : B - A = b - a) by same; clear -H E; lra end
    | ?A < ?B => lazymatch P with ?a < ?b => let E := fresh in assert (E : B - A = b - a) by same; clear -H E; lra end
    end ] end.
Ltac stated H := lazymatch type of H with
  | forall x, (x < _)%nat -> _ => match goal with K : (?x < _)%nat |- _ => stated (H x K) end
  | forall x y, (x < _)%nat -> (y < _)%nat -> _ =>
      match goal with K : (?x < _)%nat |- _ => match goal with L : (?y < _)%nat |- _ => stated (H x y K L) end end
  | _ => let E := fresh in pose proof H as E; follow E end.
Ltac alike := match goal with H : ?P |- _ => lazymatch type of P with Prop => idtac end;
  lazymatch P with (_ < _)%nat => fail | _ => idtac end; solve [stated H] end.
Ltac below := match goal with K : (?s < 3)%nat |- _ => is_var s; destruct s as [|[|[|s]]]; [| | |exfalso; clear -K; lia] end.
(* What the numbers of a counterexample satisfy. *)
Ltac numbers := intros; repeat match goal with
  | K : (?s < 2)%nat |- _ => is_var s; destruct s as [|[|s]]; [| |exfalso; clear -K; lia]
  | K : (?s < 3)%nat |- _ => is_var s; destruct s as [|[|[|s]]]; [| | |exfalso; clear -K; lia] end; first [lia | simpl; lra].
Ltac premise := cbv zeta; intros; repeat split; intros; repeat below; cbv beta iota;
  first [assumption|lia|solve [auto]|lra|alike|solve [plain; signed]].
(* A sum here is c times one that is stated. *)
Ltac times c := match goal with |- context [Sum ?n ?f] => match goal with H : ?P |- _ => match P with context [Sum n ?g] => let E := fresh in
  assert (E : Sum n f = c * Sum n g) by (rewrite <- Sum_scal; f_equal; apply functional_extensionality; intro; same); rewrite E; clear E end end end.
Ltac divided c H := match type of H with context [Sum ?n ?f] => match goal with |- context [Sum n ?g] => let E := fresh in
  assert (E : Sum n f = c * Sum n g) by (rewrite <- Sum_scal; f_equal; apply functional_extensionality; intro; same); rewrite E in H; clear E end end.
Tactic Notation "library" uconstr(c) "as" ident(H) := unshelve epose proof c as H; [try solve [premise] ..|].
Tactic Notation "tie" uconstr(c) := let H := fresh in unshelve epose proof c as H; [premise ..|follow H].
Tactic Notation "tie" uconstr(c) "times" constr(x) := let H := fresh in unshelve epose proof c as H;
  [first [premise|cbv zeta; intros; plain; times x; alike] ..|cbv zeta beta iota delta [Rsqr Rdiv] in H; try divided x H; follow H].
Ltac limit L := match type of L with is_lim ?f _ _ => match goal with |- filterlim ?g _ _ => replace g with f; [exact L|plain; same] end end.

(* A mean over the six ways to give two roles among three datasets, in the order of the claim, and in that of a printed goal. *)
Section Six.
Variables a b c d e f a' b' c' d' e' f' : R.
Hypotheses (A : a = a') (B : b = b') (C : c = c') (D : d = d') (E : e = e') (F : f = f').
Lemma six_ways : (a + b + c + d + e + f) / 6 = 1/6 * a' + 1/6 * b' + 1/6 * c' + 1/6 * d' + 1/6 * e' + 1/6 * f'.
Proof. rewrite A, B, C, D, E, F. field. Qed.
Lemma six_turned : (a + b + c + d + e + f) / 6 = 1/6 * c' + 1/6 * e' + 1/6 * a' + 1/6 * f' + 1/6 * b' + 1/6 * d'.
Proof. rewrite A, B, C, D, E, F. field. Qed.
Variables k u v w x y z u' v' w' x' y' z' : R.
Hypotheses (U : u = u') (V : v = v') (W : w = w') (X : x = x') (Y : y = y') (Z : z = z').
Lemma six_both : (a + k * u + (b + k * v) + (c + k * w) + (d + k * x) + (e + k * y) + (f + k * z)) / 6 = 1/6 * a' + 1/6 * b' + 1/6 * c' + 1/6 * d'
  + 1/6 * e' + 1/6 * f' + 1/6 * k * w' + 1/6 * k * y' + 1/6 * k * u' + 1/6 * k * z' + 1/6 * k * v' + 1/6 * k * x'.
Proof. rewrite A, B, C, D, E, F, U, V, W, X, Y, Z. field. Qed.
End Six.
Lemma six_alike a b c d e f g : a = g -> b = g -> c = g -> d = g -> e = g -> f = g -> (a + b + c + d + e + f) / 6 = g.
Proof. intros -> -> -> -> -> ->. field. Qed.

(* --- examples, as a person writes them --- *)

(* conservation-law *)
Goal forall (N M : nat) (n : nat -> R) (p : nat -> nat -> R)
  (unit : forall s, (s < N)%nat -> (Σ j < M, p s j) = 1) (mass : forall j, (j < M)%nat -> 0 < Σ s < N, n s * p s j) (total : 0 < Σ s < N, n s)
  (t : nat) (member : (t < N)%nat),
  (Σ s < N, Derive (fun eps => - Σ j < M, ln ((Σ r < N, (eps * (if Nat.eqb r t then 1 else 0) + n r) * p r j)
    / Σ r < N, (eps * (if Nat.eqb r t then 1 else 0) + n r)) * p s j) 0 * n s) = 0.
Proof. intros. same_as (conservation_law N M n p unit mass total t member). Qed.

(* elasticity-ratio; with 2k in place of k it is not closed *)
Goal forall (M : nat) (k : R) (pp pa pt : nat -> R) (positive : 0 < k) (unit_p : (Σ j < M, pp j) = 1) (unit_a : (Σ j < M, pa j) = 1)
  (unit_t : (Σ j < M, pt j) = 1) (l : R) (nonneg : 0 <= l) (mass : forall j, (j < M)%nat -> 0 < k * pp j + pa j + l * pt j),
  Derive (fun lam => - Σ j < M, ln ((k * pp j + lam * pt j + pa j) / (k + lam + 1)) * pa j) l
  = - Derive (fun lam => - Σ j < M, ln ((k * pp j + lam * pt j + pa j) / (k + lam + 1)) * pp j) l * k
    - Derive (fun lam => - Σ j < M, ln ((k * pp j + lam * pt j + pa j) / (k + lam + 1)) * pt j) l * l.
Proof. intros. same_as (elasticity_ratio M k pp pa pt positive unit_p unit_a unit_t l nonneg mass). Qed.
Goal forall (M : nat) (k : R) (pp pa pt : nat -> R) (positive : 0 < k) (unit_p : (Σ j < M, pp j) = 1) (unit_a : (Σ j < M, pa j) = 1)
  (unit_t : (Σ j < M, pt j) = 1) (l : R) (nonneg : 0 <= l) (mass : forall j, (j < M)%nat -> 0 < k * pp j + pa j + l * pt j),
  Derive (fun lam => - Σ j < M, ln ((k * pp j + lam * pt j + pa j) / (k + lam + 1)) * pa j) l
  = - Derive (fun lam => - Σ j < M, ln ((k * pp j + lam * pt j + pa j) / (k + lam + 1)) * pp j) l * (2 * k)
    - Derive (fun lam => - Σ j < M, ln ((k * pp j + lam * pt j + pa j) / (k + lam + 1)) * pt j) l * l.
Proof. intros. Fail same_as (elasticity_ratio M k pp pa pt positive unit_p unit_a unit_t l nonneg mass). Abort.

(* elasticity-any-number, its first conclusion *)
Goal forall (N M : nat) (p : nat -> nat -> R) (k l : R) (some : (0 < N)%nat) (nonneg : forall s j, (s < N)%nat -> (j < M)%nat -> 0 <= p s j)
  (unit : forall s, (s < N)%nat -> (Σ j < M, p s j) = 1) (covered : forall j, (j < M)%nat -> 0 < / INR N * Σ s < N, p s j)
  (positive : 0 < k) (l_nonneg : 0 <= l),
  (Σ s < N, Σ j < M, (p s j - / INR N * Σ r < N, p r j)^2 / (/ INR N * Σ r < N, p r j)) * k / (1 + k + l)^2
  <= Σ a < N, Σ b < N, Derive (fun lam => - Σ j < M, ln ((lam * p b j + p a j + k * (/ INR N * Σ r < N, p r j)) / (k + lam + 1)) * p a j) l
    * (1 - (if Nat.eqb a b then 1 else 0)).
Proof. intros. same_as (proj1 (elasticity_any_number N M p k l some nonneg unit covered positive l_nonneg)). Qed.

(* logit-criterion, its first conclusion *)
Goal forall (n : nat) (po pt q : nat -> R),
  - (Σ j < n, (po j - q j) * (pt j - q j)) = (Σ j < n, (po j - pt j)^2) / 4 - Σ j < n, (q j - (po j + pt j) / 2)^2.
Proof. intros. same_as (proj1 (logit_criterion n q po pt)). Qed.

(* logit-return-threshold *)
Goal forall (n N : nat) (p : nat -> nat -> R) (q w : nat -> R) (apart : forall i t, (i < N)%nat -> (t < N)%nat -> i <> t ->
  (Σ j < n, p i j * p t j) = 0)
  (mixture : forall j, (j < n)%nat -> q j = Σ i < N, w i * p i j) (o t : nat) (Ho : (o < N)%nat) (Ht : (t < N)%nat) (other : o <> t),
  - (Σ j < n, (- q j + p t j) * (- q j + p o j)) < 0 <-> (Σ j < n, p t j ^ 2) * w t + (Σ j < n, p o j ^ 2) * w o < Σ i < N,
      (Σ j < n, p i j ^ 2) * w i ^ 2.
Proof. intros. same_as (logit_return_threshold n N p q apart w mixture o t Ho Ht other). Qed.
