(* softmax-linear-range (docs/theory.md, Logit elasticity): how far the loss of a softmax is from its tangent, and when a sign is certain. *)
From Coq Require Import Reals Lra Lia Arith.
From Coquelicot Require Import Coquelicot.
From Compresslab Require Import Base Deriv Logit.
Open Scope R_scope.

Section Range.
Variables (n : nat) (p z delta : nat -> R) (lo hi : R).
Hypothesis some : (0 < n)%nat.
Hypothesis unit : Sum n p = 1.
Hypothesis range : forall j, (j < n)%nat -> lo <= delta j <= hi.
Let at_ s j := z j + s * delta j.
Let q s := softmax n (at_ s).
Let m s := inner n (q s) delta.                                   (* the slope of log Z along the step *)
Let var s := inner n (q s) (fun j => delta j * delta j) - m s * m s.
Lemma q_pos s j : 0 < q s j. Proof. apply softmax_pos, some. Qed.
Lemma q_unit s : Sum n (q s) = 1. Proof. apply softmax_unit, some. Qed.
Lemma derive_log_Z s : is_derive (fun s => ln (Z n (at_ s))) s (m s).
Proof.
  pose proof (Z_pos n some (at_ s)). eapply derive_value.
  - apply (derive_comp ln (fun s => Z n (at_ s))); [apply derive_ln, Z_pos, some|].
    apply (derive_Sum n (fun j s => exp (at_ s j))). intros j _. apply (derive_comp exp (fun s => at_ s j)); [apply derive_exp|].
    instantiate (1 := delta j). unfold at_. auto_derive; auto. ring.
  - unfold m, q, inner, softmax. rewrite <- Sum_scal. apply Sum_ext. intros; field. lra.
Qed.
Lemma q_log s j : q s j = exp (at_ s j - ln (Z n (at_ s))).
Proof. unfold q, softmax, Rminus. rewrite exp_plus, exp_Ropp, exp_ln by (apply Z_pos, some). reflexivity. Qed.
Lemma derive_q s j : is_derive (fun s => q s j) s (q s j * (delta j - m s)).
Proof.
  apply (is_derive_ext (fun s => exp (at_ s j - ln (Z n (at_ s))))); [intros; symmetry; apply q_log|]. rewrite q_log.
  apply (derive_comp exp (fun s => at_ s j - ln (Z n (at_ s)))); [apply derive_exp|].
  apply (derive_minus (fun s => at_ s j)); [unfold at_; auto_derive; auto; ring|apply derive_log_Z].
Qed.
Lemma derive_m s : is_derive m s (var s).
Proof.
  eapply derive_value.
  - apply (derive_Sum n (fun j s => q s j * delta j) (fun j => q s j * (delta j - m s) * delta j)). intros j _.
    eapply derive_value; [apply (derive_mult (fun s => q s j) (fun _ => delta j)); [apply derive_q|apply derive_const]|ring].
  - unfold var. transitivity (Σ j < n, (q s j * (delta j * delta j) - m s * (q s j * delta j))); [apply Sum_ext; intros; ring|].
    rewrite Sum_minus, Sum_scal. reflexivity.
Qed.
(* Popoviciu: no law on an interval of length R has a variance above R²/4 *)
Lemma var_bound s : var s <= (hi - lo) * (hi - lo) / 4.
Proof.
  assert (leaf : forall j, (j < n)%nat -> q s j * (delta j * delta j) <= (hi + lo) * (q s j * delta j) - hi * lo * q s j).
  { intros j Hj. pose proof (q_pos s j). destruct (range j Hj).
    assert (0 <= q s j * ((hi - delta j) * (delta j - lo))) by (apply Rmult_le_pos; [lra|apply Rmult_le_pos; lra]). lra. }
  sum_le n leaf as S. change (Σ j < n, q s j) with (Sum n (q s)) in S. rewrite q_unit in S. fold (inner n (q s) delta) in S. fold (m s) in S.
  unfold var. fold (inner n (q s) (fun j => delta j * delta j)) in S. pose proof (Rle_0_sqr (hi + lo - 2 * m s)) as X. unfold Rsqr in X. lra.
Qed.
Let L y := loss n p y.
Let tangent := inner n (fun j => softmax n z j - p j) delta.
Lemma at_0 : m 0 = inner n (softmax n z) delta /\ ln (Z n (at_ 0)) = ln (Z n z).
Proof.
  assert (E : forall j, at_ 0 j = z j) by (intros; unfold at_; ring).
  assert (EZ : Z n (at_ 0) = Z n z) by (apply Sum_ext; intros; rewrite E; reflexivity).
  split; [|rewrite EZ; reflexivity]. apply Sum_ext. intros j _. unfold q, softmax. rewrite E, EZ. reflexivity.
Qed.
Lemma remainder : L (fun j => z j + delta j) - L z - tangent = ln (Z n (at_ 1)) - ln (Z n (at_ 0)) - m 0.
Proof.
  destruct at_0 as [-> ->]. unfold L. rewrite !loss_log_sum_exp by auto.
  assert (EZ : Z n (fun j => z j + delta j) = Z n (at_ 1)) by (apply Sum_ext; intros; unfold at_; f_equal; ring). rewrite EZ.
  unfold tangent, inner. rewrite (Sum_ext n (fun j => p j * (z j + delta j)) (fun j => p j * z j + p j * delta j)) by (intros; ring).
  rewrite (Sum_ext n (fun j => (softmax n z j - p j) * delta j) (fun j => softmax n z j * delta j - p j * delta j)) by (intros; ring).
  rewrite Sum_plus, Sum_minus. ring.
Qed.
Theorem softmax_linear_range : let R := hi - lo in
  0 <= L (fun j => z j + delta j) - L z - tangent <= Rmin (R * R / 8) R.
Proof.
  intros R. rewrite remainder. split; [|apply Rmin_glb].
  - (* log Z is convex: its slope rises *)
    assert (V : forall s, 0 <= var s).
    { intros s. pose proof (q_pos s) as Q. assert (E : var s = Σ j < n, q s j * Rsqr (delta j - m s)).
      { assert (leaf : forall j, (j < n)%nat -> q s j * Rsqr (delta j - m s) = q s j * (delta j * delta j) - (2 * m s) * (q s j * delta j) +
          (m s * m s) * q s j) by (intros; unfold Rsqr; ring).
        sum n leaf as S. change (Σ j < n, q s j) with (Sum n (q s)) in S. rewrite q_unit in S. rewrite S. unfold var.
        change (Σ j < n, q s j * delta j) with (m s). unfold inner. ring. }
      rewrite E. apply Sum_nonneg. intros j _. apply Rmult_le_pos; [left; auto|apply Rle_0_sqr]. }
    pose proof (rises (fun s => ln (Z n (at_ s)) - m 0 * s) (fun s => m s - m 0) 0 1 ltac:(lra)) as F. cbv beta in F.
    assert (F' : ln (Z n (at_ 0)) - m 0 * 0 <= ln (Z n (at_ 1)) - m 0 * 1); [|lra]. apply F.
    + intros s _. apply (derive_minus (fun s => ln (Z n (at_ s)))); [apply derive_log_Z|auto_derive; auto; ring].
    + intros s Hs. assert (m 0 <= m s); [|lra]. apply (rises m var 0 s); try lra; auto using derive_m.
  - (* its slope rises by at most R²/4 a unit *)
    pose proof (falls (fun s => ln (Z n (at_ s)) - m 0 * s - R * R / 8 * (s * s)) (fun s => m s - m 0 - R * R / 4 * s) 0 1 ltac:(lra)) as F.
    cbv beta in F.
    assert (F' : ln (Z n (at_ 1)) - m 0 * 1 - R * R / 8 * (1 * 1) <= ln (Z n (at_ 0)) - m 0 * 0 - R * R / 8 * (0 * 0)); [|lra]. apply F.
    + intros s _. apply (derive_minus (fun s => ln (Z n (at_ s)) - m 0 * s)); [|auto_derive; auto; field].
      apply (derive_minus (fun s => ln (Z n (at_ s)))); [apply derive_log_Z|auto_derive; auto; ring].
    + intros s Hs. assert (m s - R * R / 4 * s <= m 0 - R * R / 4 * 0); [|lra].
      apply (falls (fun s => m s - R * R / 4 * s) (fun s => var s - R * R / 4) 0 s); try lra.
      * intros u _. apply (derive_minus m); [apply derive_m|auto_derive; auto; ring].
      * intros u _. pose proof (var_bound u). unfold R. lra.
  - assert (A : ln (Z n (at_ 1)) <= ln (Z n (at_ 0)) + hi).
    { replace (ln (Z n (at_ 0)) + hi) with (ln (Z n (at_ 0) * exp hi)) by (rewrite ln_mult, ln_exp by (auto using Z_pos, exp_pos); ring).
      apply ln_le; [apply Z_pos, some|]. unfold Z. rewrite Rmult_comm, <- Sum_scal.
      apply Sum_le. intros j Hj. rewrite <- exp_plus. unfold at_. destruct (range j Hj) as [_ H].
      destruct (Req_dec (delta j) hi) as [->|N]; [right; f_equal; ring|left; apply exp_increasing; lra]. }
    assert (B : lo <= m 0).
    { replace lo with (Σ j < n, lo * q 0 j) by (rewrite Sum_scal; change (Σ j < n, q 0 j) with (Sum n (q 0)); rewrite q_unit; ring). apply Sum_le.
      intros j Hj. rewrite Rmult_comm. apply Rmult_le_compat_l; [left; apply q_pos|apply range, Hj]. }
    unfold R. lra.
Qed.
(* the best bound that depends on the range alone: by the chord of e^x on the range, and ln x <= x - 1 *)
Theorem softmax_linear_range_best : lo < hi -> let R := hi - lo in let a := (exp R - 1) / R in
  L (fun j => z j + delta j) - L z - tangent <= ln a - 1 + / a.
Proof.
  intros H R a. rewrite remainder. assert (HR : 0 < R) by (unfold R; lra).
  assert (A : 0 < a) by (unfold a; pose proof (exp_ineq1 R ltac:(lra)); apply Rdiv_lt_0_compat; lra).
  assert (chord : forall t, 0 <= t <= R -> exp t <= 1 + t * a).
  { intros t Ht. destruct (Req_dec t 0) as [->|N0]; [rewrite exp_0; lra|]. destruct (Req_dec t R) as [->|NR]; [unfold a; right; field; lra|].
    assert (T : 0 < t / R < 1).
    { split; [apply Rdiv_lt_0_compat; lra|]. apply (Rmult_lt_reg_r R); auto. unfold Rdiv. rewrite Rmult_assoc, Rinv_l by lra. lra. }
    pose proof (bernoulli (exp R) (t / R) (exp_pos R) T) as B. unfold Rpower in B. rewrite ln_exp in B.
    replace (t / R * R) with t in B by (field; lra). replace (t * a) with (t / R * (exp R - 1)) by (unfold a; field; lra). exact B. }
  set (m' := Σ j < n, q 0 j * (delta j - lo)).
  assert (M : m 0 = lo + m').
  { unfold m', m, inner. rewrite (Sum_ext n (fun j => q 0 j * (delta j - lo)) (fun j => q 0 j * delta j - lo * q 0 j)) by (intros; ring).
    rewrite Sum_minus, Sum_scal. change (Σ j < n, q 0 j) with (Sum n (q 0)). rewrite q_unit. ring. }
  assert (M0 : 0 <= m') by (apply Sum_nonneg; intros j Hj; pose proof (q_pos 0 j); destruct (range j Hj); apply Rmult_le_pos; lra).
  assert (E : Z n (at_ 1) <= Z n (at_ 0) * (exp lo * (1 + m' * a))).
  { replace (Z n (at_ 1)) with (Z n (at_ 0) * (exp lo * Σ j < n, q 0 j * exp (delta j - lo))).
    - apply Rmult_le_compat_l; [left; apply Z_pos, some|]. apply Rmult_le_compat_l; [left; apply exp_pos|].
      assert (leaf : forall j, (j < n)%nat -> q 0 j * exp (delta j - lo) <= q 0 j + a * (q 0 j * (delta j - lo))).
      { intros j Hj. pose proof (q_pos 0 j). destruct (range j Hj). pose proof (chord (delta j - lo) ltac:(unfold R; lra)) as C.
        apply (Rmult_le_compat_l (q 0 j)) in C; lra. }
      sum_le n leaf as S. change (Σ j < n, q 0 j) with (Sum n (q 0)) in S. rewrite q_unit in S. fold m' in S. lra.
    - pose proof (Z_pos n some (at_ 0)). transitivity (Σ j < n, exp (at_ 1 j)); [|reflexivity]. rewrite <- Rmult_assoc, <- Sum_scal. apply Sum_ext.
      intros j _. unfold q, softmax.
      replace (exp (at_ 1 j)) with (exp (at_ 0 j) * exp lo * exp (delta j - lo)) by (rewrite <- !exp_plus; f_equal; unfold at_; ring). field. lra. }
  apply ln_le in E; [|apply Z_pos, some]. assert (P : 0 < 1 + m' * a) by nra.
  rewrite !ln_mult, ln_exp in E by (auto using Z_pos, exp_pos; apply Rmult_lt_0_compat; auto using exp_pos).
  replace (1 + m' * a) with (a * (/ a + m')) in E by (field; lra). assert (0 < / a) by pos. rewrite ln_mult in E by lra.
  pose proof (ln_below (/ a + m') ltac:(lra)). lra.
Qed.
End Range.
(* no smaller one: for every range some law on two tokens reaches it *)
Theorem softmax_linear_range_best_reached R : 0 < R -> let a := (exp R - 1) / R in let w := / R - / (exp R - 1) in
  let z j := match j with 0%nat => ln (1 - w) | _ => ln w end in let delta j := match j with 0%nat => 0 | _ => R end in
  let p j := match j with 0%nat => 1 | _ => 0 end in
  loss 2 p (fun j => z j + delta j) - loss 2 p z - inner 2 (fun j => softmax 2 z j - p j) delta = ln a - 1 + / a.
Proof.
  intros HR a w z delta p. pose proof (exp_ineq1 R ltac:(lra)) as E1.
  assert (E2 : exp (- R) > 1 - R) by (pose proof (exp_ineq1 (- R) ltac:(lra)); lra).
  assert (E3 : exp R * exp (- R) = 1) by (rewrite <- exp_plus; replace (R + - R) with 0 by ring; apply exp_0).
  assert (W0 : 0 < w) by (unfold w; replace (/ R - / (exp R - 1)) with ((exp R - 1 - R) / (R * (exp R - 1))) by (field; lra);
    apply Rdiv_lt_0_compat; [lra|apply Rmult_lt_0_compat; lra]).
  assert (W1 : 0 < 1 - w).
  { unfold w. replace (1 - (/ R - / (exp R - 1))) with (exp R * (R - 1 + exp (- R)) / (R * (exp R - 1))).
    - apply Rdiv_lt_0_compat; [|apply Rmult_lt_0_compat; lra]. apply Rmult_lt_0_compat; [apply exp_pos|lra].
    - replace (exp R * (R - 1 + exp (- R))) with (exp R * (R - 1) + 1) by (rewrite Rmult_plus_distr_l, E3; ring). field. lra. }
  assert (Z0 : Z 2 z = 1) by (unfold Z, z; cbn [Sum]; rewrite !exp_ln by auto; ring).
  assert (Z1 : Z 2 (fun j => z j + delta j) = a).
  { unfold Z, z, delta. cbn [Sum]. rewrite !exp_plus, !exp_ln, exp_0 by auto. unfold a, w. field. lra. }
  rewrite !loss_log_sum_exp by (first [lia|unfold p; cbn; ring]). rewrite Z0, Z1, ln_1. unfold inner, softmax, p, delta. cbn [Sum]. rewrite Z0.
  unfold z. rewrite !exp_ln by auto.
  unfold a, w. field. lra.
Qed.
(* N tokens with steps of ranges r i: the total change lies between its tangent and that plus Σ r²/8, so a sign outside is certain *)
Theorem softmax_linear_range_sign N n (p z delta : nat -> nat -> R) (lo hi : nat -> R) : (0 < n)%nat -> (forall i, (i < N)%nat -> Sum n (p i) = 1) ->
  (forall i j, (i < N)%nat -> (j < n)%nat -> lo i <= delta i j <= hi i) ->
  let change := Σ i < N, (loss n (p i) (fun j => z i j + delta i j) - loss n (p i) (z i)) in
  let tangent := Σ i < N, inner n (fun j => softmax n (z i) j - p i j) (delta i) in
  let slack := Σ i < N, (hi i - lo i) * (hi i - lo i) / 8 in
  tangent <= change <= tangent + slack /\ (0 < tangent -> 0 < change) /\ (tangent < - slack -> change < 0).
Proof.
  intros some U R change tangent slack. assert (B : tangent <= change <= tangent + slack); [|split; [exact B|lra]].
  unfold change, tangent, slack. rewrite <- Sum_plus. split; apply Sum_le; intros i Hi;
    destruct (softmax_linear_range n (p i) (z i) (delta i) (lo i) (hi i) some (U i Hi) (fun j => R i j Hi)) as [A D]; [lra|].
  pose proof (Rmin_l ((hi i - lo i) * (hi i - lo i) / 8) (hi i - lo i)). lra.
Qed.
