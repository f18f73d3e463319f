(* hooke-reverse-not-conserved, hooke-all-equal, logit-against-mixture, parametric-sign-may-turn-back, parametric-rebound-need-not-slow
   (docs/theory.md): exact counterexamples. Others stand beside what they bound: ThreeDatasets.v, CodeLength.v, TurningPoint.v. *)
From Coq Require Import Reals Lra Lia Arith.
From Coquelicot Require Import Coquelicot.
From Compresslab Require Import Base Deriv Line Mixture Logit.
Open Scope R_scope.

(* --- the forces of the paper's direction of KL do not sum to 0: p_1 = (1/2, 1/2), p_2 = (1/4, 3/4), one volume each, t = 1 --- *)
Theorem hooke_reverse_not_conserved :
  let p i j := match i, j with 0%nat, _ => 1/2 | _, 0%nat => 1/4 | _, _ => 3/4 end in
  (Σ i < 2, 1 * Derive (reverse 2 2 (fun _ => 1) p i 0) 0) <> 0.
Proof.
  intros p. assert (P : forall i j, (i < 2)%nat -> (j < 2)%nat -> 0 < p i j) by (intros [|[|i]] [|[|j]] Hi Hj; try lia; unfold p; lra).
  assert (V : forall i, (i < 2)%nat -> Derive (reverse 2 2 (fun _ => 1) p i 0) 0 = Σ j < 2,
    (p 0%nat j - joint 2 (fun _ => 1) p j / W 2 (fun _ => 1)) / W 2 (fun _ => 1) * ln (joint 2 (fun _ => 1) p j / W 2 (fun _ => 1) / p i j)).
  { intros i Hi. apply hooke_reverse_derivative; auto; try lia.
    - intros [|[|s]] Hs; try lia; unfold p; cbn; field.
    - intros j Hj. unfold joint. cbn [Sum]. pose proof (P 0%nat j ltac:(lia) Hj). pose proof (P 1%nat j ltac:(lia) Hj). lra.
    - unfold W. cbn. lra. }
  unfold Sum at 1. rewrite !V by lia. unfold joint, W, p. cbn. assert (0 < ln (27/25)) by (rewrite <- ln_1; apply ln_increasing; lra).
  assert (E : ln (27/25) = ln (3/4) - ln (5/4) + (ln (3/2) - ln (5/6))).
  { rewrite <- !ln_quot, <- ln_mult by lra. f_equal. field. }
  repeat match goal with |- context [ln (?a / ?b)] => lazymatch a with IZR _ => fail | _ => let c := constr:(a / b) in
    first [replace c with (3/4) by field|replace c with (5/4) by field|replace c with (3/2) by field|replace c with (5/6) by field] end end. lra.
Qed.

(* --- forces are not all the same: two disjoint datasets of one volume have forces +1/2 and -1/2 --- *)
Theorem hooke_all_equal : let p i j := if Nat.eqb i j then 1 else 0 in
  1 * dC 2 2 (fun _ => 1) p 1 0 = 1/2 /\ 1 * dC 2 2 (fun _ => 1) p 0 0 = - (1/2).
Proof.
  intros p. assert (U : forall i, (i < 2)%nat -> Sum 2 (p i) = 1) by (intros [|[|i]] Hi; try lia; unfold p; cbn; ring).
  assert (M : forall j, (j < 2)%nat -> 0 < joint 2 (fun _ => 1) p j) by (intros [|[|j]] Hj; try lia; unfold joint, p; cbn; lra).
  rewrite !(dC_overlap 2 2 (fun _ => 1) p U M) by (auto; unfold W; cbn; lra). unfold joint, W, p. cbn. split; field.
Qed.

(* --- logit-against-mixture: three disjoint parts; the mixture says that o gets worse, gradient flow that it comes back --- *)
Theorem logit_against_mixture : let p i j := if Nat.eqb i j then 1 else 0 in let q j := match j with 0%nat => 8/10 | _ => 1/10 end in
  0 < Derive (fun e => - Σ j < 3, p 1%nat j * ln ((q j + e * p 2%nat j) / (1 + e))) 0 /\
  - (Σ j < 3, (p 1%nat j - q j) * (p 2%nat j - q j)) < 0.
Proof.
  intros p q. split.
  - change (0 < Derive (code 3 q (p 2%nat) 1 (p 1%nat)) 0). rewrite Derive_code.
    + unfold slope, overlap, Q. cbn. lra.
    + split; [|lra]. intros [|[|[|j]]] Hj; try lia; unfold Q, q, p; cbn; lra.
    + unfold p. cbn. ring.
  - cbn. lra.
Qed.

(* --- sign-turns-once fails for convex quadratics: L_p falls, rises and falls again along the minima of L_p + L_o + l L_t --- *)
Section Quadratics.
Let Lp x y := ((x - 1/2)^2 + (y - 1)^2) / 2.
Let Lo x y := ((x + 1/2)^2 + (y + 1)^2) / 2.
Let Lt x y := (200 * (x - 1)^2 + 1/50 * (y - 1)^2) / 2.
Let x l := 100 * l / (1 + 100 * l).
Let y l := l / (100 + l).
Theorem parametric_sign_may_turn_back : (forall l a b, 0 <= l ->
  Lp (x l) (y l) + Lo (x l) (y l) + l * Lt (x l) (y l) <= Lp a b + Lo a b + l * Lt a b) /\
  let f l := Lp (x l) (y l) in f (1/100) < f 0 /\ f (1/100) < f 1 /\ f 1000 < f 1.
Proof.
  split.
  - intros l a b H. apply by_gap.
    replace (_ - _) with ((1 + 100 * l) * Rsqr (a - x l) + (1 + l / 100) * Rsqr (b - y l)).
    + assert (0 <= 1 + l / 100) by lra. assert (0 <= 1 + 100 * l) by lra. nonneg.
    + unfold Lp, Lo, Lt, x, y, Rsqr. field. lra.
  - unfold Lp, x, y. cbv beta zeta. lra.
Qed.
End Quadratics.

(* --- rebound-slows fails in a one-parameter exponential family q_j(th) ∝ b_j e^(th T_j): T = (-2, 0, 1), b = (.05, .85, .1), p_t = (0, 0, 1) ---
   The branch of minima of L_b + l L_t is given by its parameter th: l = mu/(1 - mu), mu the mean of T. *)
Section Exponential.
Let T (j : nat) := match j with 0%nat => -2 | 1%nat => 0 | _ => 1 end.
Let b (j : nat) := match j with 0%nat => 1/20 | 1%nat => 17/20 | _ => 1/10 end.
Let pt (j : nat) := match j with 2%nat => 1 | _ => 0 end.
Definition family_loss (p : nat -> R) th := - Σ j < 3, p j * ln (b j * exp (th * T j) / Σ i < 3, b i * exp (th * T i)).
Let Zf th := 1/20 * exp (-2 * th) + 17/20 + 1/10 * exp th.
Let mu th := (- 2 * (1/20 * exp (-2 * th)) + 1/10 * exp th) / Zf th.
Let var th := (4 * (1/20 * exp (-2 * th)) + 1/10 * exp th) / Zf th - mu th * mu th.
Let l th := mu th / (1 - mu th).
Let D th := (mu th - 1) / (var th / ((1 - mu th) * (1 - mu th))).     (* dL_t/dl = (dL_t/dth) / (dl/dth) *)
Lemma Zf_pos th : 0 < Zf th.
Proof. unfold Zf. pose proof (exp_pos (-2 * th)). pose proof (exp_pos th). lra. Qed.
Lemma Zf_sum th : (Σ i < 3, b i * exp (th * T i)) = Zf th.
Proof.
  unfold Zf, b, T. cbn [Sum]. replace (th * -2) with (-2 * th) by ring. rewrite Rmult_0_r, exp_0, (Rmult_1_r th). ring.
Qed.
Lemma mu_below th : mu th < 1.
Proof.
  pose proof (Zf_pos th). unfold mu. apply (Rmult_lt_reg_r (Zf th)); auto. unfold Rdiv. rewrite Rmult_assoc, Rinv_l by lra.
  unfold Zf. pose proof (exp_pos (-2 * th)). pose proof (exp_pos th). lra.
Qed.
Lemma var_pos th : 0 < var th.
Proof.
  pose proof (Zf_pos th) as P. pose proof (exp_pos (-2 * th)) as A. pose proof (exp_pos th) as B. unfold var, mu.
  replace (_ - _) with ((4 * (1/20 * exp (-2 * th)) * (17/20) + 9 * (1/20 * exp (-2 * th)) * (1/10 * exp th) + 1/10 * exp th * (17/20)) /
    (Zf th * Zf th)) by (unfold Zf in *; field; lra).
  apply Rdiv_lt_0_compat; [|pos]. assert (0 < exp (-2 * th) * exp th) by pos. lra.
Qed.
Lemma loss_form p th : Sum 3 p = 1 -> family_loss p th = ln (Zf th) - th * (Σ j < 3, p j * T j) - Σ j < 3, p j * ln (b j).
Proof.
  intros U. unfold family_loss. rewrite Zf_sum.
  assert (leaf : forall j, (j < 3)%nat -> p j * ln (b j * exp (th * T j) / Zf th) = p j * ln (b j) + th * (p j * T j) - ln (Zf th) * p j).
  { intros j Hj. assert (0 < b j) by (unfold b; destruct j as [|[|j]]; lra). pose proof (exp_pos (th * T j)). pose proof (Zf_pos th).
    rewrite ln_quot, ln_mult, ln_exp by (auto; pos). ring. }
  rewrite (Sum_ext 3 _ _ leaf), Sum_minus, Sum_plus, !Sum_scal. change (Σ j < 3, p j) with (Sum 3 p). rewrite U. ring.
Qed.
Lemma derive_log_Zf th : is_derive (fun th => ln (Zf th)) th (mu th).
Proof. pose proof (Zf_pos th). unfold mu, Zf in *. auto_derive; [lra|field; lra]. Qed.
Lemma derive_family_loss p th : Sum 3 p = 1 -> is_derive (family_loss p) th (mu th - Σ j < 3, p j * T j).
Proof.
  intros U. apply (is_derive_ext (fun th => ln (Zf th) - th * (Σ j < 3, p j * T j) - Σ j < 3, p j * ln (b j))); [intros; symmetry;
    apply loss_form, U|].
  eapply derive_value; [apply derive_minus; [apply derive_minus; [apply derive_log_Zf|apply (derive_mult (fun t => t) (fun _ => Σ j < 3, p j * T j));
    [apply derive_id|apply derive_const]]|apply derive_const]|ring].
Qed.
Lemma derive_mu th : is_derive mu th (var th).
Proof. pose proof (Zf_pos th). unfold mu, var, mu, Zf in *. auto_derive; [lra|field; lra]. Qed.
Lemma derive_l th : is_derive l th (var th / ((1 - mu th) * (1 - mu th))).
Proof.
  pose proof (mu_below th). eapply derive_value; [apply (derive_comp (fun m => m / (1 - m)) mu); [|apply derive_mu]|].
  - instantiate (1 := / ((1 - mu th) * (1 - mu th))). auto_derive; [lra|field; lra].
  - field. lra.
Qed.
(* on the branch l rises with th; slope is dL_t/dl there, negative at l = 0, and falls as l rises: the rebound gets faster and faster *)
Theorem parametric_rebound_need_not_slow : exists l slope dl : R -> R,
  (forall th, is_derive (fun x => family_loss b x + l th * family_loss pt x) th 0) /\
  (forall th, is_derive l th (dl th) /\ 0 < dl th /\ is_derive (family_loss pt) th (slope th * dl th)) /\
  l 0 = 0 /\ slope 0 < 0 /\ exists c, is_derive slope 0 c /\ c < 0.
Proof.
  exists l, D, (fun th => var th / ((1 - mu th) * (1 - mu th))).
  assert (Ub : Sum 3 b = 1) by (unfold b; cbn; field). assert (Ut : Sum 3 pt = 1) by (unfold pt; cbn; ring).
  assert (Mb : (Σ j < 3, b j * T j) = 0) by (unfold b, T; cbn; field). assert (Mt : (Σ j < 3, pt j * T j) = 1) by (unfold pt, T; cbn; ring).
  assert (E : exp (-2 * 0) = 1) by (rewrite Rmult_0_r; apply exp_0).
  assert (m0 : mu 0 = 0) by (unfold mu, Zf; rewrite E, exp_0; field).
  assert (v0 : var 0 = 3/10) by (unfold var; rewrite m0; unfold Zf; rewrite E, exp_0; field).
  split; [|split; [|split; [|split]]].
  - intros th. pose proof (mu_below th). eapply derive_value; [apply derive_plus;
      [apply derive_family_loss, Ub|apply derive_scal, derive_family_loss, Ut]|].
    rewrite Mb, Mt. unfold l. field. lra.
  - intros th. pose proof (mu_below th). pose proof (var_pos th). assert (0 < 1 - mu th) by lra. split; [apply derive_l|split; [pos|]].
    eapply derive_value; [apply derive_family_loss, Ut|]. rewrite Mt. unfold D. field. repeat split; lra.
  - unfold l. rewrite m0. field.
  - unfold D. rewrite m0, v0. lra.
  - exists (- (1/3)). split; [|lra]. unfold D, var, mu, Zf. auto_derive; rewrite ?E, ?exp_0, ?Rmult_0_r, ?exp_0;
      replace (1 / 20 * 1 + 17 / 20 + 1 / 10 * 1) with 1 by lra; replace (-2 * (1 / 20 * 1) + 1 / 10 * 1) with 0 by lra.
    + repeat split; try lra. replace (_ * / _) with (3/10) by field. lra.
    + field.
Qed.
End Exponential.
