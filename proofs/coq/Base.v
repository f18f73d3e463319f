(* Finite sums of reals, Cauchy-Schwarz, Gibbs, Jensen: what every theorem on N datasets and M leaves needs. No claim of its own.
   A family of numbers is a function nat -> R of which only the first n values count. *)
From Coq Require Import Reals Lra Lia Arith.
Open Scope R_scope.

Fixpoint Sum (n : nat) (f : nat -> R) : R :=
  match n with O => 0 | S m => Sum m f + f m end.
Notation "'Σ' j < n , e" := (Sum n (fun j => e)) (at level 41, j name, n at level 30, e at level 40).

(* --- linearity, exchange, order --- *)

Lemma Sum_ext n f g : (forall j, (j < n)%nat -> f j = g j) -> Sum n f = Sum n g.
Proof. induction n; simpl; intros H; auto. rewrite IHn, H; auto. Qed.
Lemma Sum_plus n f g : (Σ j < n, (f j + g j)) = Sum n f + Sum n g.
Proof. induction n; simpl; [|rewrite IHn]; lra. Qed.
Lemma Sum_minus n f g : (Σ j < n, (f j - g j)) = Sum n f - Sum n g.
Proof. induction n; simpl; [|rewrite IHn]; lra. Qed.
Lemma Sum_opp n f : (Σ j < n, (- f j)) = - Sum n f.
Proof. induction n; simpl; [|rewrite IHn]; lra. Qed.
Lemma Sum_scal n c f : (Σ j < n, c * f j) = c * Sum n f.
Proof. induction n; simpl; [|rewrite IHn]; lra. Qed.
Lemma Sum_const n c : (Σ _j < n, c) = INR n * c.
Proof. induction n; [simpl; lra|]. rewrite S_INR. simpl Sum. rewrite IHn. lra. Qed.
Lemma Sum_zero n f : (forall j, (j < n)%nat -> f j = 0) -> Sum n f = 0.
Proof. intros H. rewrite (Sum_ext n f (fun _ => 0)) by auto. rewrite Sum_const. ring. Qed.
Lemma Sum_swap n m (f : nat -> nat -> R) : (Σ i < n, Σ j < m, f i j) = Σ j < m, Σ i < n, f i j.
Proof.
  induction n; simpl.
  - symmetry. apply Sum_zero. auto.
  - rewrite IHn, <- Sum_plus. reflexivity.
Qed.
Lemma Sum_le n f g : (forall j, (j < n)%nat -> f j <= g j) -> Sum n f <= Sum n g.
Proof. induction n; simpl; intros H; [lra|]. apply Rplus_le_compat; auto. Qed.
Lemma Sum_nonneg n f : (forall j, (j < n)%nat -> 0 <= f j) -> 0 <= Sum n f.
Proof. intros H. replace 0 with (Σ _j < n, 0) by (rewrite Sum_const; ring). apply Sum_le, H. Qed.
Lemma Sum_delta n i f : (i < n)%nat -> (Σ j < n, (if Nat.eqb j i then f j else 0)) = f i.
Proof.
  induction n; simpl; intros H; [lia|]. destruct (Nat.eqb_spec n i) as [->|D].
  - rewrite Sum_zero; [ring|]. intros j Hj. destruct (Nat.eqb_spec j i); [lia|auto].
  - rewrite IHn by lia. ring.
Qed.
Lemma Sum_split n i f : (i < n)%nat -> Sum n f = f i + Σ j < n, (if Nat.eqb j i then 0 else f j).
Proof.
  intros H. rewrite <- (Sum_delta n i f H), <- Sum_plus. apply Sum_ext. intros j _. destruct (Nat.eqb j i); ring.
Qed.

(* Non-negative terms: one of them is at most the sum; a sum of 0 has no other terms; one positive term is enough. *)
Lemma Sum_term n f i : (forall j, (j < n)%nat -> 0 <= f j) -> (i < n)%nat -> f i <= Sum n f.
Proof.
  intros H Hi. rewrite (Sum_split n i f Hi).
  assert (0 <= Σ j < n, (if Nat.eqb j i then 0 else f j)); [|lra].
  apply Sum_nonneg. intros j Hj. destruct (Nat.eqb j i); [lra|auto].
Qed.
Lemma Sum_null n f : (forall j, (j < n)%nat -> 0 <= f j) -> Sum n f = 0 -> forall j, (j < n)%nat -> f j = 0.
Proof. intros H E j Hj. pose proof (Sum_term n f j H Hj). specialize (H j Hj). lra. Qed.
Lemma Sum_pos n f i : (forall j, (j < n)%nat -> 0 <= f j) -> (i < n)%nat -> 0 < f i -> 0 < Sum n f.
Proof. intros H Hi P. pose proof (Sum_term n f i H Hi). lra. Qed.

(* "Leaf, then sum": from f j = (a linear combination of named terms) on every leaf to the same about the sums. *)
Ltac spread H := repeat first [rewrite Sum_plus in H | rewrite Sum_minus in H | rewrite Sum_opp in H | rewrite Sum_scal in H].
Ltac spread_goal := repeat first [rewrite Sum_plus | rewrite Sum_minus | rewrite Sum_opp | rewrite Sum_scal].
Tactic Notation "sum" constr(n) constr(leaf) "as" ident(H) := pose proof (Sum_ext n _ _ leaf) as H; spread H.
Tactic Notation "sum_le" constr(n) constr(leaf) "as" ident(H) := pose proof (Sum_le n _ _ leaf) as H; spread H.
Lemma by_gap x y : 0 <= y - x -> x <= y.
Proof. lra. Qed.
Lemma pos_not_0 x : 0 < x -> x <> 0.
Proof. lra. Qed.
Lemma Rdiv_pos x y : 0 <= x -> 0 < y -> 0 <= x / y.
Proof. intros. apply Rmult_le_pos; auto. left. apply Rinv_0_lt_compat; auto. Qed.

(* the signs of products, quotients and squares, read off their shape *)
Ltac pos := match goal with
  | |- 0 < _ * _ => apply Rmult_lt_0_compat; pos | |- 0 < _ / _ => apply Rdiv_lt_0_compat; pos
  | |- 0 < / _ => apply Rinv_0_lt_compat; pos | |- 0 < exp _ => apply exp_pos | _ => solve [auto] || lra end.
Ltac nonneg := match goal with
  | |- 0 <= Rsqr _ => apply Rle_0_sqr | |- 0 <= _ + _ => apply Rplus_le_le_0_compat; nonneg
  | |- 0 <= _ * _ => apply Rmult_le_pos; nonneg | |- 0 <= _ / _ => apply Rdiv_pos; [nonneg|pos]
  | _ => solve [auto] || lra || (left; pos) end.

(* --- Cauchy-Schwarz, with the case of equality --- *)

Lemma lagrange n f g : (Σ i < n, Σ j < n, Rsqr (f i * g j - f j * g i))
  = 2 * ((Σ j < n, f j * f j) * (Σ j < n, g j * g j) - Rsqr (Σ j < n, f j * g j)).
Proof.
  rewrite (Sum_ext n _ (fun i => ((Σ j < n, g j * g j) * (f i * f i) + (Σ j < n, f j * f j) * (g i * g i))
    - 2 * (Σ j < n, f j * g j) * (f i * g i))).
  - rewrite Sum_minus, Sum_plus, !Sum_scal. unfold Rsqr. ring.
  - intros i _. rewrite (Sum_ext n _ (fun j => (f i * f i) * (g j * g j) + (g i * g i) * (f j * f j)
      - 2 * (f i * g i) * (f j * g j))) by (intros; unfold Rsqr; ring).
    rewrite Sum_minus, Sum_plus, !Sum_scal. ring.
Qed.
Theorem cauchy_schwarz n f g : Rsqr (Σ j < n, f j * g j) <= (Σ j < n, f j * f j) * (Σ j < n, g j * g j).
Proof.
  pose proof (lagrange n f g).
  assert (0 <= Σ i < n, Σ j < n, Rsqr (f i * g j - f j * g i)); [|lra].
  apply Sum_nonneg; intros. apply Sum_nonneg; intros. apply Rle_0_sqr.
Qed.
Theorem cauchy_schwarz_equality n f g : Rsqr (Σ j < n, f j * g j) = (Σ j < n, f j * f j) * (Σ j < n, g j * g j)
  <-> forall i j, (i < n)%nat -> (j < n)%nat -> f i * g j = f j * g i.
Proof.
  pose proof (lagrange n f g) as L. split.
  - intros E i j Hi Hj. apply Rminus_diag_uniq, Rsqr_0_uniq.
    refine (Sum_null n (fun j => Rsqr (f i * g j - f j * g i)) (fun _ _ => Rle_0_sqr _) _ j Hj).
    refine (Sum_null n (fun i => Σ j < n, Rsqr (f i * g j - f j * g i)) _ _ i Hi); [|lra].
    intros; apply Sum_nonneg; intros; apply Rle_0_sqr.
  - intros E. rewrite Sum_zero in L; [lra|]. intros i Hi. apply Sum_zero. intros j Hj.
    rewrite (E i j) by auto. unfold Rsqr. ring.
Qed.

(* --- ln x <= x - 1, Gibbs --- *)

Lemma ln_quot x y : 0 < x -> 0 < y -> ln (x / y) = ln x - ln y.
Proof. intros. unfold Rdiv. rewrite ln_mult by (auto; apply Rinv_0_lt_compat; auto). rewrite ln_Rinv by auto. ring. Qed.
Lemma ln_le_inverse x y : 0 < x -> 0 < y -> ln x <= ln y -> x <= y.
Proof. intros. destruct (Rle_or_lt x y); auto. pose proof (ln_increasing y x). lra. Qed.
Lemma ln_below x : 0 < x -> ln x <= x - 1.
Proof. intros H. pose proof (exp_ineq1_le (ln x)). rewrite exp_ln in H0; lra. Qed.
Lemma ln_below_equality x : 0 < x -> ln x = x - 1 -> x = 1.
Proof.
  intros H E. destruct (Req_dec (ln x) 0) as [Z|Z]; [lra|].
  pose proof (exp_ineq1 (ln x) Z). rewrite exp_ln in H0; lra.
Qed.
Lemma gibbs_leaf p q : 0 <= p -> 0 <= q -> (0 < p -> 0 < q) -> p - q <= p * ln (p / q).
Proof.
  intros [P|<-] Hq A; [|lra]. specialize (A P).
  assert (ln (q / p) <= q / p - 1) by (apply ln_below, Rdiv_lt_0_compat; auto).
  rewrite ln_quot in * by auto.
  assert (p * (ln q - ln p) <= p * (q / p - 1)) by (apply Rmult_le_compat_l; lra).
  replace (p * (q / p - 1)) with (q - p) in * by (field; lra). lra.
Qed.
Lemma gibbs_leaf_equality p q : 0 <= p -> 0 <= q -> (0 < p -> 0 < q) -> p * ln (p / q) = p - q -> p = q.
Proof.
  intros [P|<-] Hq A E; [|lra]. specialize (A P).
  assert (q / p = 1); [|apply (f_equal (Rmult p)) in H; replace (p * (q / p)) with q in H by (field; lra); lra].
  apply ln_below_equality; [apply Rdiv_lt_0_compat; auto|].
  apply (Rmult_eq_reg_l p); [|lra]. rewrite ln_quot in * by auto.
  replace (p * (q / p - 1)) with (q - p) by (field; lra). lra.
Qed.

Section Gibbs.
Variables (n : nat) (p q : nat -> R).
Hypothesis p_nonneg : forall j, (j < n)%nat -> 0 <= p j.
Hypothesis q_nonneg : forall j, (j < n)%nat -> 0 <= q j.
Hypothesis covered : forall j, (j < n)%nat -> 0 < p j -> 0 < q j.   (* absolute continuity *)
Hypothesis mass : Sum n q <= Sum n p.

(* Kullback-Leibler divergence in nats; a leaf with p = 0 gives 0 * _ = 0 *)
Definition KL := Σ j < n, p j * ln (p j / q j).
Theorem gibbs : 0 <= KL.
Proof. sum_le n (fun j H => gibbs_leaf _ _ (p_nonneg j H) (q_nonneg j H) (covered j H)) as S. unfold KL. lra. Qed.
Theorem gibbs_equality : KL = 0 <-> forall j, (j < n)%nat -> p j = q j.
Proof.
  unfold KL. split.
  - intros E j Hj. apply gibbs_leaf_equality; auto. apply Rminus_diag_uniq.
    refine (Sum_null n (fun j => p j * ln (p j / q j) - (p j - q j)) _ _ j Hj).
    + intros i Hi. pose proof (gibbs_leaf (p i) (q i)). specialize (H (p_nonneg i Hi) (q_nonneg i Hi) (covered i Hi)). lra.
    + rewrite !Sum_minus, E. pose proof gibbs.
      sum_le n (fun j H => gibbs_leaf _ _ (p_nonneg j H) (q_nonneg j H) (covered j H)) as S. unfold KL in *. lra.
  - intros E. apply Sum_zero. intros j Hj. destruct (p_nonneg j Hj) as [P|P]; [|rewrite <- P; ring].
    rewrite <- E by auto. replace (p j / p j) with 1 by (field; lra). rewrite ln_1. ring.
Qed.
End Gibbs.

(* --- Jensen by a supporting line, and the weighted means --- *)

Section Jensen.
Variables (n : nat) (w x : nat -> R).
Hypothesis w_nonneg : forall j, (j < n)%nat -> 0 <= w j.
Hypothesis unit : Sum n w = 1.
Let mean := Σ j < n, w j * x j.
Theorem jensen (f : R -> R) (s : R) :
  (forall j, (j < n)%nat -> f mean + s * (x j - mean) <= f (x j)) -> f mean <= Σ j < n, w j * f (x j).
Proof.
  intros tangent.
  assert (leaf : forall j, (j < n)%nat -> (f mean - s * mean) * w j + s * (w j * x j) <= w j * f (x j)).
  { intros j Hj. specialize (tangent j Hj). specialize (w_nonneg j Hj).
    apply (Rmult_le_compat_l (w j)) in tangent; [lra|auto]. }
  sum_le n leaf as S. fold mean in S. rewrite unit in S. lra.
Qed.

Hypothesis x_pos : forall j, (j < n)%nat -> 0 < x j.
Lemma mean_pos : 0 < mean.
Proof.
  assert (H : 0 <= mean) by (apply Sum_nonneg; intros; apply Rmult_le_pos; auto; left; auto).
  destruct H as [H|H]; auto. exfalso. assert (Sum n w = 0); [|lra]. apply Sum_zero. intros j Hj.
  assert (w j * x j = 0) by (refine (Sum_null n (fun j => w j * x j) _ (eq_sym H) j Hj); intros; apply Rmult_le_pos; auto; left; auto).
  specialize (x_pos j Hj). apply Rmult_integral in H0. lra.
Qed.
(* the weighted geometric mean is at most the arithmetic one; they meet only where all x with weight agree *)
Theorem am_gm : (Σ j < n, w j * ln (x j)) <= ln mean.
Proof.
  pose proof mean_pos. assert (- ln mean <= Σ j < n, w j * - ln (x j)).
  { apply (jensen (fun y => - ln y) (- / mean)). intros j Hj. specialize (x_pos j Hj).
    pose proof (ln_below (x j / mean)). rewrite ln_quot in H0 by auto.
    assert (0 < x j / mean) by (apply Rdiv_lt_0_compat; auto). specialize (H0 H1). unfold Rdiv in H0.
    replace (- / mean * (x j - mean)) with (1 - x j * / mean) by (field; lra). lra. }
  rewrite (Sum_ext n _ (fun j => - (w j * ln (x j)))), Sum_opp in H0 by (intros; ring). lra.
Qed.
Theorem am_gm_equality : (Σ j < n, w j * ln (x j)) = ln mean -> forall j, (j < n)%nat -> 0 < w j -> x j = mean.
Proof.
  pose proof mean_pos as P. intros E j Hj Hw.
  assert (G : forall j, (j < n)%nat -> 0 <= w j * ((x j / mean - 1) - ln (x j / mean))).
  { intros i Hi. apply Rmult_le_pos; auto. pose proof (ln_below (x i / mean)).
    assert (0 < x i / mean) by (apply Rdiv_lt_0_compat; auto). lra. }
  assert (Z : w j * ((x j / mean - 1) - ln (x j / mean)) = 0).
  { refine (Sum_null n _ G _ j Hj).
    assert (leaf : forall j, (j < n)%nat -> w j * ((x j / mean - 1) - ln (x j / mean))
      = / mean * (w j * x j) - (1 - ln mean) * w j - w j * ln (x j)).
    { intros i Hi. rewrite ln_quot by auto. field. lra. }
    sum n leaf as S. fold mean in S. rewrite unit, E in S. rewrite S. field. lra. }
  apply Rmult_integral in Z as [Z|Z]; [lra|].
  assert (x j / mean = 1) by (apply ln_below_equality; [apply Rdiv_lt_0_compat; auto|lra]).
  apply (f_equal (Rmult mean)) in H. replace (mean * (x j / mean)) with (x j) in H by (field; lra). lra.
Qed.
End Jensen.

(* --- powers below 1 lie under their tangent at 1 --- *)
Lemma bernoulli r e : 0 < r -> 0 < e < 1 -> Rpower r e <= 1 + e * (r - 1).
Proof.
  intros P E. assert (X : 0 < 1 + e * (r - 1)) by nra. rewrite <- (exp_ln (1 + e * (r - 1))) by auto. unfold Rpower.
  assert (e * ln r <= ln (1 + e * (r - 1))) as [L|L]; [|left; apply exp_increasing, L|rewrite L; lra].
  pose proof (am_gm 2 (fun j => match j with 0%nat => e | _ => 1 - e end) (fun j => match j with 0%nat => r | _ => 1 end)) as A. cbn [Sum] in A.
  rewrite ln_1 in A. replace (1 + e * (r - 1)) with (0 + e * r + (1 - e) * 1) by ring. replace (e * ln r) with (0 + e * ln r + (1 - e) * 0) by ring.
  apply A; [intros [|j] _; lra|ring|intros [|j] _; lra].
Qed.
